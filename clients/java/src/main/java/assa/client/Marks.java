package assa.client;

import com.google.gson.JsonObject;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;

/** Up to which message the application has been told each room, so that none is told twice and none is left out. */
final class Marks {

  private static final class Mark {
    /** The newest message that was told as an event; messages of a room come in the order of their ids. */
    long told;
    /** What was there before the room was listened to: no more is fetched than what came after. */
    long history;
    /** Whether it is known what was there before. */
    boolean begun;
    /** Messages that this client has sent, after the newest told. */
    final TreeSet<Long> own = new TreeSet<>();
  }

  private final Map<Long, Mark> rooms = new HashMap<>();
  /** When the newest message was made that was told, or when the client began; null: the server tells no times. */
  private Instant heard;

  boolean knows(long roomId) {
    Mark mark = rooms.get(roomId);
    return mark != null && (mark.begun || mark.told > 0);
  }

  /** Begin with a room, unless it is known, of which the messages up to this one are of no concern. */
  void begin(long roomId, long messageId) {
    if (knows(roomId)) return;
    mark(roomId).begun = true;
    mark(roomId).history = messageId;
  }

  void clear() {
    rooms.clear();
    heard = null;
  }

  /** Return the message after which there may be some that the application has not been told. */
  long newest(long roomId) {
    Mark mark = mark(roomId);
    return Math.max(mark.told, mark.history);
  }

  /** Take note of a message that this client has sent. */
  private void sent(long roomId, long messageId) {
    if (messageId > mark(roomId).told) mark(roomId).own.add(messageId);
  }

  /** Take note that a message, shaped like NEW_MESSAGE, is about to be told; return whether it is news. */
  boolean isNews(JsonObject data) {
    Mark mark = mark(Json.number(data, "room_id", 0));
    long id = Json.number(data, "message_id", 0);
    if (id <= mark.told) return false;
    boolean own = mark.own.contains(id);
    mark.told = id;
    mark.own.headSet(id, true).clear();
    heard(Json.time(data, "created_at"));
    return !own;
  }

  /** Return the time up to which nothing is missing, of whichever room, or null. */
  Instant heard() {
    return heard;
  }

  /** Take note that nothing is missing up to a time, if it is known. */
  void heard(Instant time) {
    if (time != null && (heard == null || time.isAfter(heard))) heard = time;
  }

  /** Draw the conclusions that an answer has for what counts as told. */
  void answered(String action, JsonObject data) {
    long room = Json.number(data, "room_id", 0);
    switch (action) {
      case "SEND_MESSAGE" -> sent(room, Json.number(data, "message_id", 0));
      case "CREATE_ROOM" -> begin(room, 0);
      case "JOIN_ROOM" -> {
        long newest = 0;
        for (JsonObject one : Json.objects(data, "recent_messages")) newest = Json.number(one, "message_id", newest);
        begin(room, newest);
      }
      case "EXIT_ROOM" -> rooms.remove(room);
      default -> {}
    }
  }

  private Mark mark(long roomId) {
    return rooms.computeIfAbsent(roomId, id -> new Mark());
  }
}
