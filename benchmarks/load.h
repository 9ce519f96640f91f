/*
 * What load.c, which knows when to send and what to expect, shares with the protocols, which know the bytes (see
 * load_protocols.h), and with load_pace.c, which sends by the clock.
 */
#ifndef LOAD_H
#define LOAD_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    AT_ONCE = 32,        /* logins or joins in flight: below the smallest listen backlog of the servers (50) */
    MAX_WINDOW = 64,     /* requests */
    MAX_REQUEST = 4096,  /* bytes */
    MAX_EVENTS = 1024,
    READ_SIZE = 1 << 18, /* bytes */
    KEPT_BUFFER = 8192,  /* bytes; a larger one was needed for a list of members only */
    PATIENCE_MS = 8000,  /* without any byte from the server */
    QUIET_MS = 30,       /* after which a surplus is not expected any more */
    NEWS_MS = 2000,      /* without any byte, after which several nodes have nothing more to tell of joins */
    MAX_NODES = 16,
    CROWD = 100,         /* members; a larger room's joins are many announcements, which only take time */
};

enum step { UPGRADING, LOGGING_IN, IDLE, JOINING, READY };

struct client {
    int fd, number, node; /* number: of all; node: which of the ports it connects to */
    bool sender;
    enum step step;
    char *token;
    const char *subprotocol; /* that the server has to agree to, or none */
    char *rest; /* a message whose end has not come yet */
    size_t rest_length, rest_capacity;
    long unsent, delivered, expected; /* messages of this run */
    int unacknowledged;
    unsigned long answered;              /* the number of the last request that was acknowledged */
    unsigned long heard, acknowledged;   /* the ids of messages, folded into one number in their order */
};

struct protocol {
    const char *name;
    bool may_be_silent; /* can join a room without announcing it */
    bool tells_ids;     /* acknowledgements have the message's id */
    void (*login)(struct client *);
    void (*opened)(struct client *); /* where a WebSocket's client speaks first */
    void (*create)(struct client *); /* the first member's join */
    void (*join)(struct client *);
    size_t (*pack)(char *to, const char *text, size_t length);           /* writes a text as it is sent, returns its bytes */
    size_t (*message)(struct client *, char *to);                        /* writes a request, returns its bytes */
    size_t (*split)(struct client *, const char *bytes, size_t length);  /* handles what is complete, returns its bytes */
};

struct settings {
    const struct protocol *protocol;
    const char *content;
    int ports[MAX_NODES], nodes, rooms, members, senders, count, window;
    bool silent; /* joins are not announced */
};

struct totals {
    long acknowledged, delivered, bytes; /* of this run */
    long news;                           /* joins of others that were heard */
};

extern struct settings settings;
extern struct client *clients;
extern struct totals totals;

long nanoseconds(void);
noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *grown(void *memory, size_t size);
int turn(int timeout_ms);
void watch(int fd, void *owner);
void start(long messages);
void await_end(long sent);
void transmit(struct client *client, const char *bytes, size_t length);
void step_done(struct client *client, enum step step);
const struct protocol *protocol_named(const char *name);

/* Of load_verify.c. */
void verify(void);

/* Of load_pace.c. */
extern char pace_clock; /* its address stands for the timer among what epoll reports */
void pace(long messages, long per_second);
void pace_tick(void);
void pace_heard(const struct client *client); /* called for a delivery before it is counted */

#endif
