/* The lines of floor.c. */
#include "load_protocols.h"

static void take(struct client *client, const char *line, size_t length, size_t on_wire)
{
    if (starts(line, length, "M"))
        delivered(client, on_wire, strtoul(line + 1, NULL, 10));
    else if (starts(line, length, "A"))
        acknowledged(client, client->answered + 1, 0); /* which has no number */
    else if (starts(line, length, "U"))
        totals.news++;
    else if (starts(line, length, "J") && client->step == JOINING)
        step_done(client, READY);
    else
        unexpected(client, line, length);
}

static size_t split(struct client *client, const char *bytes, size_t length)
{
    return split_lines(client, bytes, length, take);
}

static void login(struct client *client)
{
    step_done(client, IDLE);
}

static void join(struct client *client)
{
    char line[32];
    client->step = JOINING;
    transmit(client, line, (size_t)snprintf(line, sizeof line, "J %d\n", room_of(client)));
}

static size_t message(struct client *client, char *to)
{
    (void)client;
    return (size_t)snprintf(to, MAX_REQUEST, "M%08lu %s\n", ++serial, settings.content);
}

const struct protocol floor_lines = {
    .name = "floor",
    .login = login,
    .create = join,
    .join = join,
    .message = message,
    .split = split,
};
