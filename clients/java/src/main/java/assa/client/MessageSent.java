package assa.client;

import com.google.gson.JsonObject;

/**
 * The answer to SEND_MESSAGE (§5.1): the message is on the server's disk.
 *
 * @param messageId Its id, which grows within a room.
 * @param roomId Where it is.
 * @param clientMessageId The id that this client gave it.
 * @param createdAt ISO 8601, UTC.
 * @param data All of the answer's data.
 */
public record MessageSent(long messageId, long roomId, String clientMessageId, String createdAt, JsonObject data) {

  static MessageSent of(JsonObject data) {
    return new MessageSent(
        Json.number(data, "message_id", 0),
        Json.number(data, "room_id", 0),
        Json.text(data, "client_message_id"),
        Json.text(data, "created_at"),
        data);
  }
}
