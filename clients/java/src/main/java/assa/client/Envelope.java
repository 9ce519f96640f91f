package assa.client;

import com.google.gson.JsonObject;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

/** What is around the data of a message (§2). */
final class Envelope {
  /** §10.1. */
  private static final int MESSAGE_BYTES = 1_048_576;

  private Envelope() {}

  /**
   * Put data into an envelope.
   *
   * @param data Null where the action has none.
   */
  static JsonObject around(JsonObject data, String action, String seqId) {
    JsonObject message = new JsonObject();
    message.addProperty("action", action);
    if (data != null) message.add("data", data);
    message.addProperty("timestamp", Instant.now().truncatedTo(ChronoUnit.MILLIS).toString());
    message.addProperty("seq_id", seqId);
    return message;
  }

  /** Return an ERROR like the server's, for what never reaches it. */
  static JsonObject error(String action, String seqId, String code) {
    JsonObject data = new JsonObject();
    data.addProperty("original_action", action);
    JsonObject message = around(data, "ERROR", seqId);
    message.addProperty("success", false);
    message.addProperty("error_code", code);
    message.addProperty("message", "");
    return message;
  }

  /** Return whether the server would not take a line, its LF included. */
  static boolean isTooLong(byte[] line) {
    return line.length - 1 > MESSAGE_BYTES;
  }
}
