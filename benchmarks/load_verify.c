/* Whether everybody got what they should have got, and in the right order. */
#include "load.h"

/* Fails unless all members that only listen heard the same messages in the same order. */
static void verify_order(void)
{
    for (int i = 0; i < settings.count; i++) {
        struct client *first = &clients[i - i % settings.members], *client = &clients[i];
        struct client *listener = first + settings.senders;
        if (client->sender || settings.senders >= settings.members)
            continue;
        if (client->heard != listener->heard)
            fail("clients %d and %d of one room heard messages in different orders", listener->number, client->number);
        if (settings.senders == 1 && settings.protocol->tells_ids && client->heard != first->acknowledged)
            fail("client %d did not hear the messages in the order of their acknowledgements", client->number);
    }
}

void verify(void)
{
    char text[512] = "";
    int wrong = 0;
    while (turn(QUIET_MS)) /* what comes now is a surplus, and is counted */
        ;
    for (int i = 0; i < settings.count; i++) {
        struct client *client = &clients[i];
        size_t used = strlen(text);
        if (client->delivered == client->expected && !client->unacknowledged)
            continue;
        if (wrong++ < 5)
            snprintf(text + used, sizeof text - used, "; client %d of room %d: %ld of %ld, %d unacknowledged", i,
                     i / settings.members, client->delivered, client->expected, client->unacknowledged);
    }
    if (wrong)
        fail("%d connections did not get their deliveries%s", wrong, text);
    verify_order();
}
