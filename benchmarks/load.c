/*
 * load MODE PORTS ROOMS MEMBERS SENDERS CONTENT [TOKENS]: the clients of the benchmark.
 *
 * MODE assa, assa-ws, floor or socketio; PORTS one port of 127.0.0.1, or several with commas between, over which the
 * members of each room are spread in turn, and each room's first member begins with the next one; ROOMS rooms of
 * MEMBERS connections, of which the first SENDERS send. CONTENT is the message's text, TOKENS a file with one login
 * token per line, one for each client.
 *
 * Commands come on stdin and each is answered with one line on stdout, "ok ..." or "fail <why>" (and the end):
 *   login                     connect and log in everybody
 *   join                      everybody joins their room; over when all the others' joins have been heard as well
 *   run <messages> <window>   each sender sends so many, at most <window> of them unacknowledged at a time;
 *                             over when every acknowledgement and every delivery is in:
 *                             "ok <messages> <deliveries> <bytes delivered> <nanoseconds>"
 *   pace <messages> <rate>    each sender (one in each room) sends so many, all together <rate> per second at even
 *                             distances, and nobody waits for acknowledgements; see load_pace.c for the answer
 *   verify                    fails unless each connection got exactly the deliveries of the last run, all of a room in
 *                             the same order, which with one sender is that of the acknowledgements
 *   quit
 */
#include "load.h"

struct settings settings;
struct client *clients;
struct totals totals;
static int poller;
static int awaited; /* clients whose login or join has begun and not ended */

noreturn void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("fail ", stdout);
    vprintf(format, arguments);
    putchar('\n');
    fflush(stdout);
    va_end(arguments);
    exit(1);
}

void *grown(void *memory, size_t size)
{
    void *result = realloc(memory, size);
    if (!result)
        fail("out of memory");
    return result;
}

long nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

void transmit(struct client *client, const char *bytes, size_t length)
{
    if (send(client->fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
        fail("client %d could not send %zu bytes: %s", client->number, length, strerror(errno));
}

void step_done(struct client *client, enum step step)
{
    client->step = step;
    awaited--;
}

static void keep(struct client *client, const char *bytes, size_t length)
{
    if (client->rest_length + length > client->rest_capacity) {
        client->rest_capacity = (client->rest_length + length) * 2;
        client->rest = grown(client->rest, client->rest_capacity);
    }
    memcpy(client->rest + client->rest_length, bytes, length);
    client->rest_length += length;
}

static void data_received(struct client *client, const char *bytes, size_t length)
{
    if (!client->rest_length) {
        size_t used = settings.protocol->split(client, bytes, length);
        if (used < length)
            keep(client, bytes + used, length - used);
        return;
    }
    keep(client, bytes, length);
    size_t used = settings.protocol->split(client, client->rest, client->rest_length);
    client->rest_length -= used;
    memmove(client->rest, client->rest + used, client->rest_length);
    if (!client->rest_length && client->rest_capacity > KEPT_BUFFER) {
        free(client->rest);
        client->rest = NULL;
        client->rest_capacity = 0;
    }
}

/* Fills the sender's window; what may be sent now leaves in one send(). */
static void pump(struct client *client)
{
    static char requests[MAX_WINDOW * MAX_REQUEST];
    size_t length = 0;
    while (client->unsent && client->unacknowledged < settings.window) {
        length += settings.protocol->message(client, requests + length);
        client->unsent--;
        client->unacknowledged++;
    }
    if (length)
        transmit(client, requests, length);
}

static void receive(struct client *client)
{
    static char bytes[READ_SIZE];
    ssize_t length = recv(client->fd, bytes, sizeof bytes, 0);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0)
        fail("client %d: connection closed by the server: %.*s", client->number, (int)client->rest_length, client->rest);
    data_received(client, bytes, (size_t)length);
    if (client->unsent)
        pump(client);
}

/* One turn of epoll; returns how many connections had something. */
int turn(int timeout_ms)
{
    struct epoll_event events[MAX_EVENTS];
    int ready = epoll_wait(poller, events, MAX_EVENTS, timeout_ms);
    for (int i = 0; i < ready; i++)
        if (events[i].data.ptr == &pace_clock)
            pace_tick();
        else
            receive(events[i].data.ptr);
    return ready;
}

void watch(int fd, void *owner)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = owner};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static void connect_client(struct client *client)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_port = htons((unsigned short)settings.ports[client->node]);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        fail("client %d cannot connect: %s", client->number, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    watch(fd, client);
    client->fd = fd;
}

static void begin_login(struct client *client)
{
    connect_client(client);
    settings.protocol->login(client);
}

/* Begins a step for the clients first, first + stride, ..., some at a time, and waits until all have ended it. */
static void everybody(void (*begin)(struct client *), int first, int stride)
{
    for (int next = first; next < settings.count || awaited; ) {
        while (next < settings.count && awaited < AT_ONCE) {
            awaited++;
            begin(&clients[next]);
            next += stride;
        }
        if (awaited && !turn(PATIENCE_MS))
            fail("%d clients wait for an answer in vain", awaited);
    }
}

static void join_others(struct client *client)
{
    if (client->number % settings.members)
        settings.protocol->join(client);
    else
        awaited--; /* the room's first member is in already */
}

/* Several nodes may tell of joins that happen at once to both or to neither; then silence has to do. */
static void hear_joins(long news)
{
    int patience = settings.nodes > 1 ? NEWS_MS : PATIENCE_MS;
    while (totals.news < news && turn(patience))
        ;
    while (settings.nodes > 1 && turn(QUIET_MS))
        ;
}

static void join(void)
{
    long news = settings.silent ? 0 : (long)settings.rooms * settings.members * (settings.members - 1) / 2;
    everybody(settings.protocol->create, 0, settings.members);
    everybody(join_others, 0, 1);
    hear_joins(news);
    if (settings.nodes == 1 && totals.news != news)
        fail("%ld joins of others were heard, expected %ld", totals.news, news);
    printf("ok %d %ld %ld\n", settings.count, totals.news, news);
}

void start(long messages)
{
    totals.acknowledged = totals.delivered = totals.bytes = 0;
    for (int i = 0; i < settings.count; i++) {
        struct client *client = &clients[i];
        long of_others = settings.senders - (client->sender ? 1 : 0);
        client->expected = of_others * messages;
        client->delivered = client->unacknowledged = 0;
        client->heard = client->acknowledged = 0;
        client->unsent = 0;
    }
}

void await_end(long sent)
{
    while (totals.acknowledged < sent || totals.delivered < sent * (settings.members - 1))
        if (!turn(PATIENCE_MS))
            verify(), fail("%ld of %ld acknowledgements", totals.acknowledged, sent);
}

static void run(long messages, int window)
{
    long sent = messages * settings.senders * settings.rooms, expected = sent * (settings.members - 1);
    long begin = nanoseconds();
    settings.window = window < MAX_WINDOW ? window : MAX_WINDOW;
    start(messages);
    for (int i = 0; i < settings.count; i++)
        if (clients[i].sender)
            clients[i].unsent = messages, pump(&clients[i]);
    await_end(sent);
    printf("ok %ld %ld %ld %ld\n", sent, expected, totals.bytes, nanoseconds() - begin);
}

static void obey(const char *command)
{
    long messages, rate;
    int window;
    if (!strncmp(command, "login", 5))
        everybody(begin_login, 0, 1), printf("ok %d\n", settings.count);
    else if (!strncmp(command, "join", 4))
        join();
    else if (sscanf(command, "run %ld %d", &messages, &window) == 2)
        run(messages, window);
    else if (sscanf(command, "pace %ld %ld", &messages, &rate) == 2)
        pace(messages, rate);
    else if (!strncmp(command, "verify", 6))
        verify(), puts("ok");
    else
        fail("no such command: %s", command);
    fflush(stdout);
}

static void read_tokens(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t capacity;
    for (int i = 0; i < settings.count; i++) {
        if (!file || getline(&clients[i].token, (capacity = 0, &capacity), file) <= 0)
            fail("%s: a token for each of %d clients is needed", path, settings.count);
        clients[i].token[strcspn(clients[i].token, "\n")] = 0;
    }
    fclose(file);
}

static void read_ports(char *text)
{
    for (char *port = strtok(text, ","); port; port = strtok(NULL, ",")) {
        if (settings.nodes == MAX_NODES)
            fail("at most %d ports", MAX_NODES);
        settings.ports[settings.nodes++] = atoi(port);
    }
}

static void prepare(char **arguments)
{
    settings.protocol = protocol_named(arguments[1]);
    read_ports(arguments[2]);
    settings.rooms = atoi(arguments[3]);
    settings.members = atoi(arguments[4]);
    settings.senders = atoi(arguments[5]);
    settings.content = arguments[6];
    settings.silent = settings.protocol->may_be_silent && settings.members > CROWD;
    settings.count = settings.rooms * settings.members;
    clients = grown(NULL, (size_t)settings.count * sizeof *clients);
    for (int i = 0; i < settings.count; i++)
        clients[i] = (struct client){
            .number = i,
            .fd = -1,
            .node = (i / settings.members + i % settings.members) % settings.nodes,
            .sender = i % settings.members < settings.senders,
        };
    poller = epoll_create1(EPOLL_CLOEXEC);
}

int main(int count, char **arguments)
{
    char command[128];
    if (count < 7)
        fail("usage: load MODE PORTS ROOMS MEMBERS SENDERS CONTENT [TOKENS]");
    prepare(arguments);
    if (count > 7)
        read_tokens(arguments[7]);
    while (fgets(command, sizeof command, stdin) && strncmp(command, "quit", 4))
        obey(command);
    return 0;
}
