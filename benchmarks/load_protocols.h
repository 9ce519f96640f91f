/*
 * What the protocols share: reading no further than counting needs (load_protocols.c), and WebSocket frames
 * (load_websocket.c). Each protocol's own bytes are in load_assa.c, load_floor.c and load_socketio.c.
 */
#ifndef LOAD_PROTOCOLS_H
#define LOAD_PROTOCOLS_H

#include "load.h"

extern const struct protocol assa, assa_ws, floor_lines, socketio;

extern unsigned long serial; /* of the last request */

/* Takes one message and the number of bytes that it had on the wire. */
typedef void (*taker)(struct client *client, const char *text, size_t length, size_t on_wire);

int room_of(const struct client *client);
bool contains(const char *bytes, size_t length, const char *text);
bool starts(const char *bytes, size_t length, const char *text);
unsigned long number_after(const char *bytes, size_t length, const char *text);
noreturn void unexpected(struct client *client, const char *bytes, size_t length);
void delivered(struct client *client, size_t on_wire, unsigned long id);
void acknowledged(struct client *client, unsigned long request, unsigned long id);

/* Hands on each whole line, and returns how many bytes they had. */
size_t split_lines(struct client *client, const char *bytes, size_t length, taker take);

/* Of load_websocket.c. */
void websocket_open(struct client *client, const char *path, const char *subprotocol);
size_t websocket_frame(char *to, const char *text, size_t length);
size_t websocket_split(struct client *client, const char *bytes, size_t length, taker take);

#endif
