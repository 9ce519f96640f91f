package assa.client;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.function.Consumer;

/**
 * Fetches the messages whose events are gone for good: LIST_ROOMS, then GET_MESSAGES for each room. A server of version
 * 1.0 has neither; it is asked with CHECK_RECEIVE for what the user has not confirmed.
 */
final class CatchUp {
  private static final int PAGE = 100;
  private static final long RETRY_MS = 1_000;

  /** Sends a request. */
  interface Ask {
    void ask(String action, JsonObject data, Settle settle);
  }

  private final Loop loop;
  private final Ask ask;
  private final Marks marks;
  private final Consumer<JsonObject> rooms;
  private final Consumer<JsonObject> message;
  private final Queue<Long> left = new ArrayDeque<>();
  private JsonArray existing = new JsonArray();
  private boolean listed = true;
  private boolean isOld;
  private Runnable then;
  private int era;

  /**
   * @param rooms Told the data of LIST_ROOMS, before the messages.
   * @param message Told each message, in the order of its room.
   */
  CatchUp(Loop loop, Ask ask, Marks marks, Consumer<JsonObject> rooms, Consumer<JsonObject> message) {
    this.loop = loop;
    this.ask = ask;
    this.marks = marks;
    this.rooms = rooms;
    this.message = message;
  }

  /**
   * Take note that events are missing.
   *
   * @param rooms The ids of the user's rooms.
   */
  void missed(JsonArray rooms) {
    existing = rooms;
    listed = false;
  }

  /** Return whether there is something to fetch. */
  boolean isDue() {
    return !listed || !left.isEmpty();
  }

  /** Fetch it over a new connection, then do something. What is not done when that is lost is due at the next. */
  void begin(Runnable whenDone) {
    then = whenDone;
    goOn();
  }

  /** Wait: there is no connection. */
  void shut() {
    era += 1;
  }

  /** Forget it: it was for another user. */
  void clear() {
    shut();
    left.clear();
    listed = true;
  }

  /**
   * Find out where each room is, so that later no more is fetched than what was missed.
   *
   * @param rooms The ids of the user's rooms.
   */
  void survey(JsonArray rooms) {
    request("LIST_ROOMS", new JsonObject(), this::begun, () -> {
      for (JsonElement one : rooms) {
        long room = one.getAsLong();
        pending(room, data -> marks.begin(room, newestPending(data)), () -> {});
      }
    });
  }

  private void begun(JsonObject data) {
    for (JsonObject room : Json.objects(data, "rooms")) {
      marks.begin(Json.number(room, "room_id", 0), newestOf(room));
    }
  }

  private void goOn() {
    Long room = left.peek();
    if (!listed) request("LIST_ROOMS", new JsonObject(), this::listed, this::unlisted);
    else if (room == null) then.run();
    else if (isOld) pending(room, data -> tookPending(room, data), () -> finished(room));
    else if (marks.newest(room) > 0) page(room, "after_message_id", marks.newest(room), PAGE);
    else page(room, "before_message_id", 2, 1); // the very first message of a server: no id comes before it
  }

  /** The server is an old one. */
  private void unlisted() {
    listed = true;
    isOld = true;
    left.clear();
    for (JsonElement room : existing) left.add(room.getAsLong());
    rooms.accept(new JsonObject());
    goOn();
  }

  private void pending(long room, Consumer<JsonObject> took, Runnable refused) {
    JsonObject request = new JsonObject();
    request.addProperty("room_id", room);
    request.add("message_ids", new JsonArray());
    request("CHECK_RECEIVE", request, took, refused);
  }

  private void tookPending(long room, JsonObject data) {
    if (marks.knows(room)) {
      for (JsonObject one : Json.objects(data, "pending_messages")) {
        one.addProperty("room_id", room);
        if (Json.number(one, "message_id", 0) > marks.newest(room)) message.accept(one);
      }
    }
    marks.begin(room, newestPending(data));
    finished(room);
  }

  private static long newestPending(JsonObject data) {
    long newest = 0;
    for (JsonObject one : Json.objects(data, "pending_messages")) newest = Json.number(one, "message_id", newest);
    return newest;
  }

  private void listed(JsonObject data) {
    listed = true;
    isOld = false;
    left.clear();
    for (JsonObject room : Json.objects(data, "rooms")) {
      long id = Json.number(room, "room_id", 0);
      if (marks.knows(id) && newestOf(room) > marks.newest(id)) left.add(id);
    }
    begun(data);
    rooms.accept(data);
    goOn();
  }

  private void page(long room, String from, long messageId, int limit) {
    JsonObject request = new JsonObject();
    request.addProperty("room_id", room);
    request.addProperty(from, messageId);
    request.addProperty("limit", limit);
    request("GET_MESSAGES", request, data -> took(room, data, limit), () -> finished(room));
  }

  private void took(long room, JsonObject data, int limit) {
    long newest = Math.max(1, marks.newest(room));
    for (JsonObject one : Json.objects(data, "messages")) {
      message.accept(one);
      newest = Math.max(newest, Json.number(one, "message_id", 0));
    }
    if (limit == PAGE && !Json.isTrue(data, "has_more")) finished(room);
    else if (marks.newest(room) >= newest) goOn();
    else page(room, "after_message_id", newest, PAGE);
  }

  private void finished(long room) {
    left.remove(room);
    goOn();
  }

  private static long newestOf(JsonObject room) {
    return Json.number(Json.object(room, "last_message"), "message_id", 0);
  }

  /** Ask until there is an answer: again where that helps, not at all where the connection is lost. */
  private void request(String action, JsonObject data, Consumer<JsonObject> took, Runnable refused) {
    ask.ask(action, data, (answer, error) -> {
      if (error == null) took.accept(answer);
      else if (error.passes()) retry(action, data, took, refused, error.retryAfterMs());
      else if (!error.code().equals(AssaException.DISCONNECTED)) refused.run();
    });
  }

  private void retry(String action, JsonObject data, Consumer<JsonObject> took, Runnable refused, long afterMs) {
    int now = era;
    loop.after(afterMs < 0 ? RETRY_MS : afterMs, () -> {
      if (now == era) request(action, data, took, refused);
    });
  }
}
