package assa.client;

import com.google.gson.JsonObject;

/**
 * Something that the server tells without having been asked.
 *
 * @param action Such as {@code NEW_MESSAGE}.
 * @param seqId The server's id of it, or null for a message that was fetched because its event is gone for good.
 * @param data Its data; empty where it has none.
 * @param message All of it, as it came; of an {@code ERROR} also {@code error_code} and {@code message}.
 */
public record Event(String action, String seqId, JsonObject data, JsonObject message) {

  static Event of(JsonObject message) {
    return new Event(Json.text(message, "action"), Json.text(message, "seq_id"), Json.object(message, "data"), message);
  }
}
