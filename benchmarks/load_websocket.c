/* The client's side of WebSocket (RFC 6455): the handshake, masked text frames out, unmasked text frames in. */
#include "load_protocols.h"

/* Those of section 1.3. */
static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==", answer[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/* Asks for the upgrade; a subprotocol that is named has to be in the answer. */
void websocket_open(struct client *client, const char *path, const char *subprotocol)
{
    char request[512];
    client->step = UPGRADING;
    client->subprotocol = subprotocol;
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s%s%s\r\n",
                          path, key, subprotocol ? "Sec-WebSocket-Protocol: " : "", subprotocol ? subprotocol : "",
                          subprotocol ? "\r\n" : "");
    transmit(client, request, (size_t)length);
}

/* Writes a masked text frame and returns its length, which is at most 8 bytes more than the text's. */
size_t websocket_frame(char *to, const char *text, size_t length)
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

/* Returns the length of the answer to the upgrade, or 0: its end is not there yet. */
static size_t upgraded(struct client *client, const char *bytes, size_t length)
{
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    length = (size_t)(end - bytes) + 4;
    if (!starts(bytes, length, "HTTP/1.1 101") || !contains(bytes, length, answer) ||
        (client->subprotocol && !contains(bytes, length, client->subprotocol)))
        unexpected(client, bytes, length);
    client->step = LOGGING_IN;
    if (settings.protocol->opened)
        settings.protocol->opened(client);
    return length;
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

/* Hands on each text of which all is there, and returns how many bytes their frames had. */
size_t websocket_split(struct client *client, const char *bytes, size_t length, taker take)
{
    size_t used = 0, head, payload;
    if (client->step == UPGRADING && !(used = upgraded(client, bytes, length)))
        return 0;
    while ((head = frame_head((const unsigned char *)bytes + used, length - used, &payload))) {
        if ((unsigned char)bytes[used] != 0x81) /* a whole text message; a close would be 0x88 */
            unexpected(client, bytes + used, head + payload);
        take(client, bytes + used + head, payload, head + payload);
        used += head + payload;
    }
    return used;
}
