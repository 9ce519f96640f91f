package assa.client;

import com.google.gson.JsonObject;
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

  void forget(long roomId) {
    rooms.remove(roomId);
  }

  void clear() {
    rooms.clear();
  }

  /** Return the message after which there may be some that the application has not been told. */
  long newest(long roomId) {
    Mark mark = mark(roomId);
    return Math.max(mark.told, mark.history);
  }

  /** Take note of a message that this client has sent. */
  void sent(long roomId, long messageId) {
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
    return !own;
  }

  private Mark mark(long roomId) {
    return rooms.computeIfAbsent(roomId, id -> new Mark());
  }
}
