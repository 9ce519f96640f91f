package assa.client;

import com.google.gson.JsonObject;

/**
 * The answer to CONNECT (§3.1).
 *
 * @param userId Who the token says that this is.
 * @param sessionId Of the session that was opened or resumed; keep it secret.
 * @param resumed Whether all that was missed since the connection before has come, or comes, as events.
 * @param data All of the answer's data, {@code reconnection_info} among it.
 */
public record Welcome(long userId, String sessionId, boolean resumed, JsonObject data) {

  static Welcome of(JsonObject data) {
    JsonObject info = Json.object(data, "reconnection_info");
    return new Welcome(
        Json.number(data, "user_id", 0), Json.text(data, "session_id"), Json.isTrue(info, "resumed"), data);
  }
}
