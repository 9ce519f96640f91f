package assa.client;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.function.Consumer;

/** Asks until there is an answer: again where that may help, not at all where the connection is lost. */
final class Queries {
  /** Before the second try; each later one waits twice as long. */
  private static final long RETRY_MS = 1_000;
  private static final int TRIES = 4;

  /** Sends a request. */
  interface Ask {
    void ask(String action, JsonObject data, Settle settle);
  }

  /**
   * What is asked.
   *
   * @param list The member of its answer that has to be a list.
   */
  private record Query(
      String action, JsonObject data, String list, Consumer<JsonObject> took, Consumer<AssaException> refused) {}

  private final Loop loop;
  private final Ask ask;
  /** Counts the connections, so that what was to be tried again over an earlier one is not. */
  private int era;

  Queries(Loop loop, Ask ask) {
    this.loop = loop;
    this.ask = ask;
  }

  /** Ask nothing again: there is no connection. */
  void shut() {
    era += 1;
  }

  /** Ask for the user's rooms. */
  void rooms(Consumer<JsonObject> took, Consumer<AssaException> refused) {
    ask(new Query("LIST_ROOMS", new JsonObject(), "rooms", took, refused), 1);
  }

  /** Ask for messages. */
  void messages(JsonObject data, Consumer<JsonObject> took, Consumer<AssaException> refused) {
    ask(new Query("GET_MESSAGES", data, "messages", took, refused), 1);
  }

  /** Ask for messages that the user has not confirmed. */
  void pending(long room, Consumer<JsonObject> took, Consumer<AssaException> refused) {
    JsonObject data = new JsonObject();
    data.addProperty("room_id", room);
    data.add("message_ids", new JsonArray());
    ask(new Query("CHECK_RECEIVE", data, "pending_messages", took, refused), 1);
  }

  /** Return whether the user has left the room meanwhile. */
  static boolean isNotMine(AssaException error) {
    return switch (error.code()) {
      case "ROOM_NOT_FOUND", "USER_NOT_IN_ROOM", "PERMISSION_DENIED" -> true;
      default -> false;
    };
  }

  private void ask(Query query, int number) {
    ask.ask(query.action, query.data, (answer, failure) -> {
      boolean isSound = failure != null || answer.get(query.list) instanceof JsonArray;
      AssaException error = isSound ? failure : AssaException.invalid(query.action);
      if (error == null) query.took.accept(answer);
      else if (error.code().equals("RATE_LIMITED")) later(query, number, error.waitMs(RETRY_MS)); // that passes
      else if (error.code().equals(AssaException.DISCONNECTED)) return;
      else if (number == TRIES || isFinal(query, error)) query.refused.accept(error);
      else later(query, number + 1, error.waitMs(RETRY_MS << (number - 1)));
    });
  }

  private void later(Query query, int number, long afterMs) {
    int now = era;
    loop.after(afterMs, () -> {
      if (now == era) ask(query, number);
    });
  }

  /** Return whether it is of no use to ask again: an old server says whatever it likes of LIST_ROOMS. */
  private static boolean isFinal(Query query, AssaException error) {
    return isNotMine(error) || query.action.equals("LIST_ROOMS") && !error.isTrouble();
  }
}
