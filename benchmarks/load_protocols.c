/* The bytes of the three competitors' protocols, read no further than counting needs. */
#include "load.h"

static long *room_ids; /* of ASSA, by room; the others take the room's number */
static unsigned long serial;
static const char message_id[] = "\"message_id\":";

static int room_of(const struct client *client)
{
    return client->number / settings.members;
}

static bool contains(const char *bytes, size_t length, const char *text)
{
    return memmem(bytes, length, text, strlen(text)) != NULL;
}

static bool starts(const char *bytes, size_t length, const char *text)
{
    size_t wanted = strlen(text);
    return length >= wanted && !memcmp(bytes, text, wanted);
}

noreturn static void unexpected(struct client *client, const char *bytes, size_t length)
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
static unsigned long number_after(const char *bytes, size_t length, const char *text)
{
    const char *found = memmem(bytes, length, text, strlen(text));
    return found ? strtoul(found + strlen(text), NULL, 10) : 0;
}

static void delivered(struct client *client, size_t bytes, unsigned long id)
{
    if (!id)
        fail("client %d heard a message without an id", client->number);
    pace_heard(client);
    fold(&client->heard, id);
    client->delivered++;
    totals.delivered++;
    totals.bytes += (long)bytes;
}

/* Takes the number of the request, which must be larger than the last one's. */
static void acknowledged(struct client *client, unsigned long request, unsigned long id)
{
    if (request <= client->answered)
        fail("client %d: request %lu was acknowledged after %lu", client->number, request, client->answered);
    client->answered = request;
    fold(&client->acknowledged, id);
    client->unacknowledged--;
    totals.acknowledged++;
}

/* ---- lines: ASSA and the floor ---- */

static size_t split_lines(struct client *client, const char *bytes, size_t length,
                          void (*line)(struct client *, const char *, size_t))
{
    const char *start = bytes, *end;
    while ((end = memchr(start, '\n', length - (size_t)(start - bytes)))) {
        line(client, start, (size_t)(end - start));
        start = end + 1;
    }
    return (size_t)(start - bytes);
}

/* Returns the value of "action" and how many bytes follow its start: no JSON parser, and none needed. */
static const char *action_of(const char *line, size_t *length)
{
    static const char key[] = "\"action\":\"";
    const size_t key_length = sizeof key - 1;
    const char *found = line + 1;
    if (*length < key_length + 1 || memcmp(found, key, key_length))
        found = memmem(line, *length, key, key_length);
    if (!found)
        return NULL;
    *length -= (size_t)(found - line) + key_length;
    return found + key_length;
}

static void assa_answer(struct client *client, const char *line, size_t length, const char *action, size_t rest)
{
    const char *id;
    if (!contains(line, length, "\"success\":true"))
        unexpected(client, line, length);
    if (starts(action, rest, "SEND_MESSAGE_RESPONSE\"")) {
        acknowledged(client, number_after(line, length, "\"seq_id\":\"s"), number_after(line, length, message_id));
    } else if (client->step == LOGGING_IN && starts(action, rest, "CONNECT_RESPONSE\"")) {
        step_done(client, IDLE);
    } else if (client->step == JOINING && starts(action, rest, "JOIN_ROOM_RESPONSE\"")) {
        step_done(client, READY);
    } else if (client->step == JOINING && starts(action, rest, "CREATE_ROOM_RESPONSE\"") &&
               (id = memmem(line, length, "\"room_id\":", 10))) {
        room_ids[room_of(client)] = atol(id + 10);
        step_done(client, READY);
    } else {
        unexpected(client, line, length);
    }
}

static void assa_line(struct client *client, const char *line, size_t length)
{
    size_t rest = length;
    const char *action = action_of(line, &rest);
    if (!action)
        unexpected(client, line, length);
    if (starts(action, rest, "NEW_MESSAGE\""))
        delivered(client, length + 1, number_after(line, length, message_id));
    else if (starts(action, rest, "USER_JOINED\""))
        totals.news++;
    else if (!starts(action, rest, "PING\"")) /* runs are shorter than the server's patience with a missing PONG */
        assa_answer(client, line, length, action, rest);
}

static size_t assa_split(struct client *client, const char *bytes, size_t length)
{
    return split_lines(client, bytes, length, assa_line);
}

/* Completes a request to assa with the envelope's own fields and returns its length. */
static size_t assa_request(char *to, const char *action, const char *data)
{
    return (size_t)snprintf(to, MAX_REQUEST,
                            "{\"action\":\"%s\",\"data\":{%s},\"timestamp\":\"2026-01-01T12:00:00.000Z\",\"seq_id\":\"s%lu\"}\n",
                            action, data, ++serial);
}

static void assa_ask(struct client *client, enum step step, const char *action, const char *data)
{
    char request[MAX_REQUEST];
    client->step = step;
    transmit(client, request, assa_request(request, action, data));
}

static void assa_login(struct client *client)
{
    char data[MAX_REQUEST / 2];
    snprintf(data, sizeof data,
             "\"jwt_token\":\"%s\",\"device_info\":{\"platform\":\"android\",\"app_version\":\"1.0.0\",\"device_id\":\"d%d\"}",
             client->token ? client->token : "", client->number);
    assa_ask(client, LOGGING_IN, "CONNECT", data);
}

static void assa_create(struct client *client)
{
    char data[256];
    if (!room_ids)
        room_ids = grown(NULL, (size_t)settings.rooms * sizeof *room_ids);
    snprintf(data, sizeof data,
             "\"name\":\"room %d\",\"description\":\"\",\"is_open\":true,\"max_participants\":%d,\"invited_user_ids\":[]",
             room_of(client), settings.members < 2 ? 2 : settings.members);
    assa_ask(client, JOINING, "CREATE_ROOM", data);
}

static void assa_join(struct client *client)
{
    char data[64];
    snprintf(data, sizeof data, "\"room_id\":%ld", room_ids[room_of(client)]);
    assa_ask(client, JOINING, "JOIN_ROOM", data);
}

static size_t assa_message(struct client *client, char *to)
{
    char data[MAX_REQUEST - 256];
    snprintf(data, sizeof data,
             "\"room_id\":%ld,\"content\":\"%s\",\"message_type\":\"text\",\"reply_to_message_id\":null,"
             "\"client_message_id\":\"c%d-%lu\"",
             room_ids[room_of(client)], settings.content, getpid(), serial);
    return assa_request(to, "SEND_MESSAGE", data);
}

static void floor_line(struct client *client, const char *line, size_t length)
{
    if (starts(line, length, "M"))
        delivered(client, length + 1, strtoul(line + 1, NULL, 10));
    else if (starts(line, length, "A"))
        acknowledged(client, client->answered + 1, 0); /* which has no number */
    else if (starts(line, length, "U"))
        totals.news++;
    else if (starts(line, length, "J") && client->step == JOINING)
        step_done(client, READY);
    else
        unexpected(client, line, length);
}

static size_t floor_split(struct client *client, const char *bytes, size_t length)
{
    return split_lines(client, bytes, length, floor_line);
}

static void floor_login(struct client *client)
{
    step_done(client, IDLE);
}

static void floor_join(struct client *client)
{
    char line[32];
    client->step = JOINING;
    transmit(client, line, (size_t)snprintf(line, sizeof line, "J %d\n", room_of(client)));
}

static size_t floor_message(struct client *client, char *to)
{
    (void)client;
    return (size_t)snprintf(to, MAX_REQUEST, "M%08lu %s\n", ++serial, settings.content);
}

/* ---- frames: Socket.IO over WebSocket ---- */

/* Writes a masked text frame and returns its length. */
static size_t frame(char *to, const char *text, size_t length)
{
    static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t head = 2;
    to[0] = (char)0x81;
    to[1] = (char)(0x80 | (length < 126 ? length : 126));
    if (length >= 126) {
        to[head++] = (char)(length >> 8);
        to[head++] = (char)length;
    }
    memcpy(to + head, mask, 4);
    for (size_t i = 0; i < length; i++)
        to[head + 4 + i] = (char)((unsigned char)text[i] ^ mask[i & 3]);
    return head + 4 + length;
}

static void frame_send(struct client *client, const char *text, size_t length)
{
    char bytes[MAX_REQUEST + 16];
    transmit(client, bytes, frame(bytes, text, length));
}

static void socketio_open(struct client *client)
{
    char text[MAX_REQUEST];
    int length = snprintf(text, sizeof text, "40{\"token\":\"%s\"}", client->token ? client->token : "");
    frame_send(client, text, (size_t)length);
}

static void socketio_answer(struct client *client, const char *text, size_t length)
{
    if (!contains(text, length, "\"success\":true"))
        unexpected(client, text, length);
    if (client->step == JOINING)
        step_done(client, READY);
    else
        acknowledged(client, strtoul(text + 2, NULL, 10), number_after(text, length, message_id));
}

static void socketio_text(struct client *client, const char *text, size_t length, size_t frame_length)
{
    if (starts(text, length, "42[\"NEW_MESSAGE\""))
        delivered(client, frame_length, number_after(text, length, message_id));
    else if (starts(text, length, "42[\"USER_JOINED\""))
        totals.news++;
    else if (starts(text, length, "43"))
        socketio_answer(client, text, length);
    else if (starts(text, length, "2"))
        frame_send(client, "3", 1);
    else if (starts(text, length, "0") && client->step == LOGGING_IN)
        socketio_open(client);
    else if (starts(text, length, "40") && client->step == LOGGING_IN)
        step_done(client, IDLE);
    else
        unexpected(client, text, length);
}

static size_t upgrade(struct client *client, const char *bytes, size_t length)
{
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (!starts(bytes, length, "HTTP/1.1 101"))
        unexpected(client, bytes, length);
    client->step = LOGGING_IN;
    return (size_t)(end - bytes) + 4;
}

/* Returns the length of the frame's head and sets the payload's, or returns 0: not all of it is there. */
static size_t frame_head(const unsigned char *bytes, size_t length, size_t *payload)
{
    size_t head = length < 2 ? 2 : (bytes[1] & 127) < 126 ? 2 : (bytes[1] & 127) == 126 ? 4 : 10;
    if (length < head)
        return 0;
    *payload = head == 2 ? bytes[1] : 0;
    for (size_t i = 2; i < head; i++)
        *payload = *payload << 8 | bytes[i];
    return length < head + *payload ? 0 : head;
}

static size_t socketio_split(struct client *client, const char *bytes, size_t length)
{
    size_t used = 0, head, payload;
    if (client->step == UPGRADING && !(used = upgrade(client, bytes, length)))
        return 0;
    while ((head = frame_head((const unsigned char *)bytes + used, length - used, &payload))) {
        if ((unsigned char)bytes[used] != 0x81) /* a whole text message; a close would be 0x88 */
            unexpected(client, bytes + used, head + payload);
        socketio_text(client, bytes + used + head, payload, head + payload);
        used += head + payload;
    }
    return used;
}

static void socketio_login(struct client *client)
{
    static const char request[] = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                                  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client->step = UPGRADING;
    transmit(client, request, sizeof request - 1);
}

static void socketio_join(struct client *client)
{
    char text[128];
    client->step = JOINING;
    int length = snprintf(text, sizeof text, "42%lu[\"JOIN_ROOM\",{\"room_id\":%d,\"silent\":%s}]", ++serial,
                          room_of(client), settings.silent ? "true" : "false");
    frame_send(client, text, (size_t)length);
}

static size_t socketio_message(struct client *client, char *to)
{
    char text[MAX_REQUEST - 16];
    int length = snprintf(text, sizeof text,
                          "42%lu[\"SEND_MESSAGE\",{\"room_id\":%d,\"content\":\"%s\",\"message_type\":\"text\","
                          "\"reply_to_message_id\":null,\"client_message_id\":\"c%d-%lu\"}]",
                          serial + 1, room_of(client), settings.content, getpid(), serial);
    serial++;
    return frame(to, text, (size_t)length);
}

static const struct protocol protocols[] = {
    {"assa", false, true, assa_login, assa_create, assa_join, assa_message, assa_split},
    {"floor", false, false, floor_login, floor_join, floor_join, floor_message, floor_split},
    {"socketio", true, true, socketio_login, socketio_join, socketio_join, socketio_message, socketio_split},
};

const struct protocol *protocol_named(const char *name)
{
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (!strcmp(protocols[i].name, name))
            return &protocols[i];
    fail("no such protocol: %s", name);
}
