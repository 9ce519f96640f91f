/* What all protocols do with what they read, and which protocols there are. */
#include "load_protocols.h"

unsigned long serial;

int room_of(const struct client *client)
{
    return client->number / settings.members;
}

bool contains(const char *bytes, size_t length, const char *text)
{
    return memmem(bytes, length, text, strlen(text)) != NULL;
}

bool starts(const char *bytes, size_t length, const char *text)
{
    size_t wanted = strlen(text);
    return length >= wanted && !memcmp(bytes, text, wanted);
}

noreturn void unexpected(struct client *client, const char *bytes, size_t length)
{
    fail("client %d did not expect: %.*s", client->number, (int)(length > 300 ? 300 : length), bytes);
}

/* Folds an id into the number that stands for all ids until now, in their order. */
static void fold(unsigned long *order, unsigned long id)
{
    *order = (*order ^ id) * 0x9e3779b97f4a7c15UL;
    *order ^= *order >> 32;
}

/* Returns the number after the first occurrence of the text, to which a character that is no digit must follow. */
unsigned long number_after(const char *bytes, size_t length, const char *text)
{
    const char *found = memmem(bytes, length, text, strlen(text));
    return found ? strtoul(found + strlen(text), NULL, 10) : 0;
}

void delivered(struct client *client, size_t on_wire, unsigned long id)
{
    if (!id)
        fail("client %d heard a message without an id", client->number);
    pace_heard(client);
    fold(&client->heard, id);
    client->delivered++;
    totals.delivered++;
    totals.bytes += (long)on_wire;
}

/* Takes the number of the request, which must be larger than the last one's. */
void acknowledged(struct client *client, unsigned long request, unsigned long id)
{
    if (request <= client->answered)
        fail("client %d: request %lu was acknowledged after %lu", client->number, request, client->answered);
    client->answered = request;
    fold(&client->acknowledged, id);
    client->unacknowledged--;
    totals.acknowledged++;
}

size_t split_lines(struct client *client, const char *bytes, size_t length, taker take)
{
    const char *start = bytes, *end;
    while ((end = memchr(start, '\n', length - (size_t)(start - bytes)))) {
        take(client, start, (size_t)(end - start), (size_t)(end - start) + 1);
        start = end + 1;
    }
    return (size_t)(start - bytes);
}

const struct protocol *protocol_named(const char *name)
{
    static const struct protocol *const protocols[] = {&assa, &assa_ws, &floor_lines, &socketio};
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (!strcmp(protocols[i]->name, name))
            return protocols[i];
    fail("no such protocol: %s", name);
}
