package assa.client;

import com.google.gson.JsonObject;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.function.Consumer;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * Fetches the messages whose events are gone for good: LIST_ROOMS, then GET_MESSAGES for each room. A server of version
 * 1.0 has neither; it is asked with CHECK_RECEIVE for what the user has not confirmed.
 */
final class CatchUp {
  private static final Logger LOGGER = Logger.getLogger("assa.client");

  private static final int PAGE = 100;
  /** So much later than it says a message may have been stored: by then its request is given up (§10.2). */
  private static final long STORED_S = 10;

  /** Who hears of what was missed. */
  interface Ears {
    /** Take the data of LIST_ROOMS, before the messages. */
    void missed(JsonObject rooms);

    /** Take a message; they come in the order of their room. */
    void found(JsonObject message);

    /** Take note that a room's messages after one of them cannot be had; 0: it is not known which. */
    void lost(long roomId, long afterMessageId, AssaException why);
  }

  private final Queries queries;
  private final Marks marks;
  private final Ears ears;
  private final Queue<Long> left = new ArrayDeque<>();
  private List<Long> existing = new ArrayList<>();
  /** What is older was not missed; null: that is not known. */
  private Instant since;
  private boolean listed = true;
  private boolean isOld;
  private Runnable then;

  CatchUp(Queries queries, Marks marks, Ears ears) {
    this.queries = queries;
    this.marks = marks;
    this.ears = ears;
  }

  /**
   * Take note that events are missing.
   *
   * @param welcome The data of CONNECT_RESPONSE.
   */
  void missed(JsonObject welcome) {
    existing = existing(welcome);
    if (!isDue()) since = marks.heard(); // else what was missed before that is missing still
    marks.heard(Json.time(welcome, "server_time"));
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
    queries.shut();
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
   * @param welcome The data of the first CONNECT_RESPONSE.
   */
  void survey(JsonObject welcome) {
    List<Long> rooms = existing(welcome);
    since = Json.time(welcome, "server_time");
    marks.heard(since);
    queries.rooms(this::begun, error -> {
      for (long room : rooms) queries.pending(room, data -> marks.begin(room, newestPending(data)), refusal -> {});
    });
  }

  private static List<Long> existing(JsonObject welcome) {
    return Json.ids(Json.object(welcome, "reconnection_info"), "existing_rooms");
  }

  /** Begin with the rooms that have no message whose event may have been missed. */
  private void begun(JsonObject data) {
    for (JsonObject room : Json.objects(data, "rooms")) {
      if (!isRecent(newestOf(room))) marks.begin(id(room, "room_id"), id(newestOf(room), "message_id"));
    }
  }

  /** Return whether a message may have come after what has been heard. */
  private boolean isRecent(JsonObject message) {
    Instant made = Json.time(message, "created_at");
    return since != null && made != null && !made.isBefore(since.minusSeconds(STORED_S));
  }

  private static JsonObject newestOf(JsonObject room) {
    return Json.object(room, "last_message");
  }

  private static long id(JsonObject object, String name) {
    return Json.number(object, name, 0);
  }

  private void goOn() {
    Long room = left.peek();
    if (!listed) queries.rooms(this::listed, this::unlisted);
    else if (room == null) then.run();
    else if (isOld) queries.pending(room, data -> tookPending(room, data), error -> refused(room, error));
    else if (!marks.knows(room)) locate(room, 0);
    else if (marks.newest(room) > 0) page(room, marks.newest(room));
    else first(room);
  }

  private void listed(JsonObject data) {
    listed = true;
    isOld = false;
    left.clear();
    for (JsonObject room : Json.objects(data, "rooms")) {
      long id = id(room, "room_id");
      boolean isKnown = marks.knows(id);
      if (isKnown ? id(newestOf(room), "message_id") > marks.newest(id) : isRecent(newestOf(room))) left.add(id);
    }
    begun(data);
    ears.missed(data);
    goOn();
  }

  /** The server is an old one, or cannot say now which rooms have something new. */
  private void unlisted(AssaException error) {
    listed = true;
    isOld = !error.isTrouble();
    left.clear();
    left.addAll(existing);
    ears.missed(new JsonObject());
    goOn();
  }

  // --- a server of version 1.0 ---

  private void tookPending(long room, JsonObject data) {
    boolean isKnown = marks.knows(room);
    for (JsonObject one : Json.objects(data, "pending_messages")) {
      one.addProperty("room_id", room);
      if (isKnown ? id(one, "message_id") > marks.newest(room) : isRecent(one)) ears.found(one);
    }
    marks.begin(room, newestPending(data));
    finished(room);
  }

  private long newestPending(JsonObject data) {
    long newest = 0;
    for (JsonObject one : Json.objects(data, "pending_messages")) {
      if (!isRecent(one)) newest = Json.number(one, "message_id", newest);
    }
    return newest;
  }

  // --- one of version 1.1 ---

  /** Find the message after which those come that were missed, in a room where none has been told. */
  private void locate(long room, long before) {
    JsonObject request = about(room, PAGE);
    if (before > 0) request.addProperty("before_message_id", before);
    get(room, request, data -> located(room, before, data));
  }

  private void located(long room, long before, JsonObject data) {
    long oldest = 0;
    long known = 0;
    for (JsonObject one : Json.objects(data, "messages")) {
      if (oldest == 0) oldest = id(one, "message_id");
      if (!isRecent(one)) known = id(one, "message_id");
    }
    boolean isNearer = oldest > 1 && (before == 0 || oldest < before);
    if (known == 0 && isNearer && Json.isTrue(data, "has_more")) {
      locate(room, oldest);
      return;
    }
    marks.begin(room, known > 0 ? known : Math.max(0, oldest - 1));
    goOn();
  }

  /** Fetch the very first message of a server, before which there is no id to go on from, and the rest. */
  private void first(long room) {
    JsonObject request = about(room, 1);
    request.addProperty("before_message_id", 2);
    get(room, request, data -> {
      found(data);
      page(room, 1);
    });
  }

  private void page(long room, long after) {
    JsonObject request = about(room, PAGE);
    request.addProperty("after_message_id", after);
    get(room, request, data -> {
      found(data);
      long newest = marks.newest(room);
      if (Json.isTrue(data, "has_more") && newest > after) page(room, newest);
      else finished(room);
    });
  }

  private void found(JsonObject data) {
    for (JsonObject one : Json.objects(data, "messages")) ears.found(one);
  }

  private static JsonObject about(long room, int limit) {
    JsonObject request = new JsonObject();
    request.addProperty("room_id", room);
    request.addProperty("limit", limit);
    return request;
  }

  private void get(long room, JsonObject request, Consumer<JsonObject> took) {
    queries.messages(request, took, error -> refused(room, error));
  }

  private void refused(long room, AssaException error) {
    if (!Queries.isNotMine(error)) {
      LOGGER.log(Level.WARNING, "missed messages of room {0} were not fetched: {1}", new Object[] {room, error});
      ears.lost(room, marks.newest(room), error);
    }
    finished(room);
  }

  private void finished(long room) {
    left.remove(room);
    goOn();
  }
}
