package assa.client;

import com.google.gson.JsonObject;
import java.util.regex.Pattern;

/** What resumes a session: its id, and the position of the last event that came (v1.1, "Sessions and recovery"). */
final class Session {
  private static final Pattern POSITION = Pattern.compile("e\\d{1,18}");

  private String id;
  private String lastSeqId;
  private long userId;

  /** What a CONNECT_RESPONSE means for what was before it. */
  enum Meaning {
    /** There was nothing before, or it was another user's. */
    BEGUN,
    /** All that was missed comes as events, but for what this client sent itself. */
    RESUMED,
    /** All that was missed comes as events, also what this client sent. */
    REPLAYED,
    /** Events are missing. */
    GAP
  }

  /** Returns the session's id, or null. */
  String id() {
    return id;
  }

  /** Returns the position to resume after, or null. */
  String lastSeqId() {
    return lastSeqId;
  }

  long userId() {
    return userId;
  }

  Meaning welcomed(JsonObject data) {
    JsonObject info = Json.object(data, "reconnection_info");
    Meaning meaning = meaningOf(data, info);
    // Where it is resumed, what was missed comes next, so the old position counts until then.
    boolean continues = meaning == Meaning.RESUMED || meaning == Meaning.REPLAYED;
    if (lastSeqId == null || !continues) lastSeqId = Json.text(info, "last_seq_id");
    id = Json.text(data, "session_id");
    userId = Json.number(data, "user_id", 0);
    return meaning;
  }

  private Meaning meaningOf(JsonObject data, JsonObject info) {
    if (id == null || userId != Json.number(data, "user_id", 0)) return Meaning.BEGUN;
    if (!Json.isTrue(info, "resumed")) return Meaning.GAP;
    return id.equals(Json.text(data, "session_id")) ? Meaning.RESUMED : Meaning.REPLAYED;
  }

  /** Take note of an event; return false for one that has come already. */
  boolean advance(String seqId) {
    long position = positionOf(seqId);
    if (position < 0) return true;
    if (position <= positionOf(lastSeqId)) return false;
    lastSeqId = seqId;
    return true;
  }

  /** Forget a session that has been ended. */
  void forget() {
    id = null;
    lastSeqId = null;
    userId = 0;
  }

  /** Return the number of a position such as {@code e1024}, or -1 for what is none. */
  static long positionOf(String seqId) {
    return seqId != null && POSITION.matcher(seqId).matches() ? Long.parseLong(seqId.substring(1)) : -1;
  }
}
