/*
 * floor PORT: a broadcaster without storage, the least that a delivery can cost on this machine.
 *
 * One message is one line.
 *   "J <room>"  join: answered with "J", the other members of the room hear "U <room>"
 *   "M..."      message: answered with "A", the other members of the sender's room get the line itself
 *
 * What one turn of epoll produces for a connection leaves in one send(); what the kernel does not take waits for EPOLLOUT.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_ROOMS = 4096, MAX_EVENTS = 512, READ_SIZE = 1 << 16, LONGEST_LINE = 1 << 16 };

struct buffer {
    char *bytes;
    size_t length, capacity;
};

struct client {
    int fd;
    int room;      /* -1: in none */
    size_t seat;   /* index in the room's members */
    bool dirty;    /* is in the list of those to flush at the end of this turn */
    bool waiting;  /* for EPOLLOUT */
    bool gone;     /* to be freed at the end of this turn */
    struct buffer rest; /* a line whose end has not come yet */
    struct buffer out;
};

struct room {
    struct client **members;
    size_t count, capacity;
};

static struct room rooms[MAX_ROOMS];
static struct client **dirty;
static size_t dirty_count, dirty_capacity;
static int poller;

static void *grown(void *memory, size_t size)
{
    void *result = realloc(memory, size);
    if (!result) {
        perror("floor: memory");
        exit(1);
    }
    return result;
}

static void append(struct buffer *to, const char *bytes, size_t length)
{
    if (to->length + length > to->capacity) {
        to->capacity = (to->length + length) * 2;
        to->bytes = grown(to->bytes, to->capacity);
    }
    memcpy(to->bytes + to->length, bytes, length);
    to->length += length;
}

static void touch(struct client *client)
{
    if (client->dirty)
        return;
    client->dirty = true;
    if (dirty_count == dirty_capacity) {
        dirty_capacity = dirty_capacity ? dirty_capacity * 2 : 64;
        dirty = grown(dirty, dirty_capacity * sizeof *dirty);
    }
    dirty[dirty_count++] = client;
}

static void write_later(struct client *client, const char *bytes, size_t length)
{
    append(&client->out, bytes, length);
    touch(client);
}

static void broadcast(struct client *sender, const char *bytes, size_t length)
{
    struct room *room = &rooms[sender->room];
    for (size_t i = 0; i < room->count; i++)
        if (room->members[i] != sender)
            write_later(room->members[i], bytes, length);
}

static void leave(struct client *client)
{
    if (client->room < 0)
        return;
    struct room *room = &rooms[client->room];
    struct client *last = room->members[--room->count];
    room->members[client->seat] = last;
    last->seat = client->seat;
    client->room = -1;
}

static void join(struct client *client, int number)
{
    if (number < 0 || number >= MAX_ROOMS)
        return;
    leave(client);
    struct room *room = &rooms[number];
    if (room->count == room->capacity) {
        room->capacity = room->capacity ? room->capacity * 2 : 16;
        room->members = grown(room->members, room->capacity * sizeof *room->members);
    }
    client->room = number;
    client->seat = room->count;
    room->members[room->count++] = client;
}

static void hang_up(struct client *client)
{
    if (client->gone)
        return;
    leave(client);
    close(client->fd);
    client->gone = true;
    touch(client);
}

static void line_received(struct client *client, const char *line, size_t length)
{
    if (line[0] == 'J' && length > 2) {
        char news[32];
        join(client, atoi(line + 2));
        write_later(client, "J\n", 2);
        if (client->room >= 0)
            broadcast(client, news, (size_t)snprintf(news, sizeof news, "U %d\n", client->room));
    } else if (line[0] == 'M' && client->room >= 0) {
        write_later(client, "A\n", 2);
        broadcast(client, line, length);
    } else {
        hang_up(client);
    }
}

/* Handles the complete lines in the bytes and returns how many bytes they were. */
static size_t split(struct client *client, const char *bytes, size_t length)
{
    size_t start = 0;
    const char *end;
    while (!client->gone && (end = memchr(bytes + start, '\n', length - start))) {
        size_t next = (size_t)(end - bytes) + 1;
        line_received(client, bytes + start, next - start);
        start = next;
    }
    return start;
}

static void data_received(struct client *client, const char *bytes, size_t length)
{
    if (!client->rest.length) {
        size_t used = split(client, bytes, length);
        if (used < length)
            append(&client->rest, bytes + used, length - used);
    } else {
        append(&client->rest, bytes, length);
        size_t used = split(client, client->rest.bytes, client->rest.length);
        client->rest.length -= used;
        memmove(client->rest.bytes, client->rest.bytes + used, client->rest.length);
    }
    if (client->rest.length > LONGEST_LINE)
        hang_up(client);
}

static void receive(struct client *client)
{
    static char bytes[READ_SIZE];
    ssize_t length = recv(client->fd, bytes, sizeof bytes, 0);
    if (length > 0)
        data_received(client, bytes, (size_t)length);
    else if (length == 0 || (errno != EAGAIN && errno != EINTR))
        hang_up(client);
}

static void watch(struct client *client, int operation)
{
    struct epoll_event event = {.data.ptr = client};
    event.events = EPOLLIN | (client->waiting ? (unsigned)EPOLLOUT : 0);
    epoll_ctl(poller, operation, client->fd, &event);
}

static void flush(struct client *client)
{
    struct buffer *out = &client->out;
    ssize_t sent = out->length ? send(client->fd, out->bytes, out->length, MSG_NOSIGNAL) : 0;
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        hang_up(client);
        return;
    }
    if (sent > 0) {
        out->length -= (size_t)sent;
        memmove(out->bytes, out->bytes + sent, out->length);
    }
    if (client->waiting != (out->length > 0)) {
        client->waiting = out->length > 0;
        watch(client, EPOLL_CTL_MOD);
    }
}

static void end_turn(void)
{
    for (size_t i = 0; i < dirty_count; i++) {
        struct client *client = dirty[i];
        if (!client->gone && !client->waiting)
            flush(client);
        client->dirty = false; /* only now: a hang_up() in flush() must not list it a second time */
        if (client->gone) {
            free(client->rest.bytes);
            free(client->out.bytes);
            free(client);
        }
    }
    dirty_count = 0;
}

static void accept_client(int listener)
{
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct client *client = grown(NULL, sizeof *client);
    *client = (struct client){.fd = fd, .room = -1};
    watch(client, EPOLL_CTL_ADD);
}

static int listening(int port)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 512)) {
        perror("floor: listen");
        exit(1);
    }
    return fd;
}

static void handle(struct epoll_event *event, int listener)
{
    struct client *client = event->data.ptr;
    if (!client) {
        accept_client(listener);
        return;
    }
    if (event->events & EPOLLOUT && !client->gone)
        flush(client);
    if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !client->gone)
        receive(client);
}

int main(int count, char **arguments)
{
    int listener = listening(count > 1 ? atoi(arguments[1]) : 0);
    struct epoll_event events[MAX_EVENTS], accepting = {.events = EPOLLIN, .data.ptr = NULL};
    poller = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &accepting);
    for (;;) {
        int ready = epoll_wait(poller, events, MAX_EVENTS, -1);
        for (int i = 0; i < ready; i++)
            handle(&events[i], listener);
        end_turn();
    }
}
