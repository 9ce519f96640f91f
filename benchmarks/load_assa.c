/* ASSA's messages: each is a line over TCP, and a text frame over WebSocket. */
#include "load_protocols.h"

static long *room_ids; /* by room */
static const char message_id[] = "\"message_id\":";

/* Returns the value of "action" and how many bytes follow its start: no JSON parser, and none needed. */
static const char *action_of(const char *text, size_t *length)
{
    static const char key[] = "\"action\":\"";
    const size_t key_length = sizeof key - 1;
    const char *found = text + 1;
    if (*length < key_length + 1 || memcmp(found, key, key_length))
        found = memmem(text, *length, key, key_length);
    if (!found)
        return NULL;
    *length -= (size_t)(found - text) + key_length;
    return found + key_length;
}

static void take_answer(struct client *client, const char *text, size_t length, const char *action, size_t rest)
{
    const char *id;
    if (!contains(text, length, "\"success\":true"))
        unexpected(client, text, length);
    if (starts(action, rest, "SEND_MESSAGE_RESPONSE\"")) {
        acknowledged(client, number_after(text, length, "\"seq_id\":\"s"), number_after(text, length, message_id));
    } else if (client->step == LOGGING_IN && starts(action, rest, "CONNECT_RESPONSE\"")) {
        step_done(client, IDLE);
    } else if (client->step == JOINING && starts(action, rest, "JOIN_ROOM_RESPONSE\"")) {
        step_done(client, READY);
    } else if (client->step == JOINING && starts(action, rest, "CREATE_ROOM_RESPONSE\"") &&
               (id = memmem(text, length, "\"room_id\":", 10))) {
        room_ids[room_of(client)] = atol(id + 10);
        step_done(client, READY);
    } else {
        unexpected(client, text, length);
    }
}

static void take(struct client *client, const char *text, size_t length, size_t on_wire)
{
    size_t rest = length;
    const char *action = action_of(text, &rest);
    if (!action)
        unexpected(client, text, length);
    if (starts(action, rest, "NEW_MESSAGE\""))
        delivered(client, on_wire, number_after(text, length, message_id));
    else if (starts(action, rest, "USER_JOINED\""))
        totals.news++;
    else if (!starts(action, rest, "PING\"")) /* runs are shorter than the server's patience with a missing PONG */
        take_answer(client, text, length, action, rest);
}

static size_t split(struct client *client, const char *bytes, size_t length)
{
    return split_lines(client, bytes, length, take);
}

static size_t split_frames(struct client *client, const char *bytes, size_t length)
{
    return websocket_split(client, bytes, length, take);
}

static size_t line(char *to, const char *text, size_t length)
{
    memcpy(to, text, length);
    to[length] = '\n';
    return length + 1;
}

/* Writes a request, packed as the connection wants it, and returns its length. */
static size_t request(char *to, const char *action, const char *data)
{
    char text[MAX_REQUEST - 16];
    int length = snprintf(text, sizeof text,
                          "{\"action\":\"%s\",\"data\":{%s},\"timestamp\":\"2026-01-01T12:00:00.000Z\",\"seq_id\":\"s%lu\"}",
                          action, data, ++serial);
    return settings.protocol->pack(to, text, (size_t)length);
}

static void ask(struct client *client, enum step step, const char *action, const char *data)
{
    char bytes[MAX_REQUEST];
    client->step = step;
    transmit(client, bytes, request(bytes, action, data));
}

static void connect_session(struct client *client)
{
    char data[MAX_REQUEST / 2];
    snprintf(data, sizeof data,
             "\"jwt_token\":\"%s\",\"device_info\":{\"platform\":\"android\",\"app_version\":\"1.0.0\",\"device_id\":\"d%d\"}",
             client->token ? client->token : "", client->number);
    ask(client, LOGGING_IN, "CONNECT", data);
}

static void upgrade(struct client *client)
{
    websocket_open(client, "/ws", "assa.v1");
}

static void create(struct client *client)
{
    char data[256];
    if (!room_ids)
        room_ids = grown(NULL, (size_t)settings.rooms * sizeof *room_ids);
    snprintf(data, sizeof data,
             "\"name\":\"room %d\",\"description\":\"\",\"is_open\":true,\"max_participants\":%d,\"invited_user_ids\":[]",
             room_of(client), settings.members < 2 ? 2 : settings.members);
    ask(client, JOINING, "CREATE_ROOM", data);
}

static void join(struct client *client)
{
    char data[64];
    snprintf(data, sizeof data, "\"room_id\":%ld", room_ids[room_of(client)]);
    ask(client, JOINING, "JOIN_ROOM", data);
}

static size_t message(struct client *client, char *to)
{
    char data[MAX_REQUEST - 256];
    snprintf(data, sizeof data,
             "\"room_id\":%ld,\"content\":\"%s\",\"message_type\":\"text\",\"reply_to_message_id\":null,"
             "\"client_message_id\":\"c%d-%lu\"",
             room_ids[room_of(client)], settings.content, getpid(), serial);
    return request(to, "SEND_MESSAGE", data);
}

const struct protocol assa = {
    .name = "assa",
    .tells_ids = true,
    .login = connect_session,
    .create = create,
    .join = join,
    .pack = line,
    .message = message,
    .split = split,
};

const struct protocol assa_ws = {
    .name = "assa-ws",
    .tells_ids = true,
    .login = upgrade,
    .opened = connect_session,
    .create = create,
    .join = join,
    .pack = websocket_frame,
    .message = message,
    .split = split_frames,
};
