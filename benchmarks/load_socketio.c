/* Socket.IO's packets in WebSocket frames. */
#include "load_protocols.h"

static void send_text(struct client *client, const char *text, size_t length)
{
    char bytes[MAX_REQUEST];
    transmit(client, bytes, websocket_frame(bytes, text, length));
}

static void connect_namespace(struct client *client)
{
    char text[MAX_REQUEST - 16];
    int length = snprintf(text, sizeof text, "40{\"token\":\"%s\"}", client->token ? client->token : "");
    send_text(client, text, (size_t)length);
}

static void take_answer(struct client *client, const char *text, size_t length)
{
    if (!contains(text, length, "\"success\":true"))
        unexpected(client, text, length);
    if (client->step == JOINING)
        step_done(client, READY);
    else
        acknowledged(client, strtoul(text + 2, NULL, 10), number_after(text, length, "\"message_id\":"));
}

static void take(struct client *client, const char *text, size_t length, size_t on_wire)
{
    if (starts(text, length, "42[\"NEW_MESSAGE\""))
        delivered(client, on_wire, number_after(text, length, "\"message_id\":"));
    else if (starts(text, length, "42[\"USER_JOINED\""))
        totals.news++;
    else if (starts(text, length, "43"))
        take_answer(client, text, length);
    else if (starts(text, length, "2"))
        send_text(client, "3", 1);
    else if (starts(text, length, "0") && client->step == LOGGING_IN)
        connect_namespace(client);
    else if (starts(text, length, "40") && client->step == LOGGING_IN)
        step_done(client, IDLE);
    else
        unexpected(client, text, length);
}

static size_t split(struct client *client, const char *bytes, size_t length)
{
    return websocket_split(client, bytes, length, take);
}

static void login(struct client *client)
{
    websocket_open(client, "/socket.io/?EIO=4&transport=websocket", NULL);
}

static void join(struct client *client)
{
    char text[128];
    client->step = JOINING;
    int length = snprintf(text, sizeof text, "42%lu[\"JOIN_ROOM\",{\"room_id\":%d,\"silent\":%s}]", ++serial,
                          room_of(client), settings.silent ? "true" : "false");
    send_text(client, text, (size_t)length);
}

static size_t message(struct client *client, char *to)
{
    char text[MAX_REQUEST - 16];
    int length = snprintf(text, sizeof text,
                          "42%lu[\"SEND_MESSAGE\",{\"room_id\":%d,\"content\":\"%s\",\"message_type\":\"text\","
                          "\"reply_to_message_id\":null,\"client_message_id\":\"c%d-%lu\"}]",
                          serial + 1, room_of(client), settings.content, getpid(), serial);
    serial++;
    return websocket_frame(to, text, (size_t)length);
}

const struct protocol socketio = {
    .name = "socketio",
    .may_be_silent = true,
    .tells_ids = true,
    .login = login,
    .create = join,
    .join = join,
    .message = message,
    .split = split,
};
