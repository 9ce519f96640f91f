/*
 * Sending by the clock, and how long a delivery takes: from just before the sender's send() until it is found among what the
 * receiver's recv() gave, on the one clock of this program. Each room has one sender, so that a receiver's nth delivery is its nth message.
 *
 * The answer is "ok <messages> <deliveries> <bytes delivered> <nanoseconds>", then, first for receivers on the sender's node and
 * then for those on others, "<deliveries> <median> <99th percentile>" in nanoseconds.
 */
#include "load.h"

enum { SAME, CROSS };

struct delays {
    long *values;
    size_t count;
};

char pace_clock;
static int timer = -1;
static long *sent_at;       /* nanoseconds, by room and the message's number in it */
static long each, sent, all; /* messages: of each sender, until now, of all senders */
static struct delays delays[2];

static int sender_of(long room)
{
    return (int)room * settings.members;
}

static void set_timer(long interval_ns)
{
    struct timespec interval = {interval_ns / 1000000000L, interval_ns % 1000000000L};
    struct itimerspec times = {interval, interval};
    timerfd_settime(timer, 0, &times, NULL);
}

static void send_next(void)
{
    static char request[MAX_REQUEST];
    long room = sent % settings.rooms;
    struct client *sender = &clients[sender_of(room)];
    size_t length = settings.protocol->message(sender, request);
    sent_at[room * each + sent++ / settings.rooms] = nanoseconds();
    sender->unacknowledged++;
    transmit(sender, request, length);
}

void pace_tick(void)
{
    uint64_t due = 0; /* more than one after the program has come too late */
    if (read(timer, &due, sizeof due) != sizeof due)
        return;
    for (; due && sent < all; due--)
        send_next();
    if (sent == all)
        set_timer(0);
}

void pace_heard(const struct client *client)
{
    long room = client->number / settings.members;
    struct delays *to = &delays[client->node == clients[sender_of(room)].node ? SAME : CROSS];
    if (sent_at && client->delivered < each)
        to->values[to->count++] = nanoseconds() - sent_at[room * each + client->delivered];
}

static int by_size(const void *one, const void *other)
{
    long a = *(const long *)one, b = *(const long *)other;
    return (a > b) - (a < b);
}

static void print_delays(struct delays *of)
{
    qsort(of->values, of->count, sizeof *of->values, by_size);
    printf(" %zu %ld %ld", of->count, of->count ? of->values[of->count / 2] : 0,
           of->count ? of->values[of->count * 99 / 100] : 0);
    free(of->values);
    *of = (struct delays){0};
}

static void prepare_pace(long messages)
{
    each = messages;
    sent = 0;
    all = messages * settings.rooms;
    sent_at = grown(NULL, (size_t)all * sizeof *sent_at);
    for (int kind = SAME; kind <= CROSS; kind++)
        delays[kind].values = grown(NULL, (size_t)(all * settings.members) * sizeof(long));
    if (timer < 0) {
        timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        watch(timer, &pace_clock);
    }
}

void pace(long messages, long per_second)
{
    if (settings.senders != 1 || messages < 1 || per_second < 1)
        fail("one sender in each room, a message and a rate are needed");
    long begin = nanoseconds();
    start(messages);
    prepare_pace(messages);
    set_timer(1000000000L / per_second);
    await_end(all);
    printf("ok %ld %ld %ld %ld", sent, totals.delivered, totals.bytes, nanoseconds() - begin);
    print_delays(&delays[SAME]);
    print_delays(&delays[CROSS]);
    putchar('\n');
    free(sent_at);
    sent_at = NULL;
}
