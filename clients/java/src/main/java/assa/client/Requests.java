package assa.client;

import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Requests that wait for their answers (§2, §10.2). */
final class Requests {
  /** The server answers within 9 seconds, if need be with an error. */
  static final long ANSWER_MS = 10_000;

  /** Of requests that are answered; a late answer is known by it. */
  private static final String PREFIX = "ask-";

  private record Pending(String action, Settle settle, Loop.Timer timer) {}

  private final Loop loop;
  private final Consumer<String> overdue;
  private final Map<String, Pending> pending = new LinkedHashMap<>();
  private long number;

  /**
   * @param overdue Told the action of a request that got no answer, after it was settled.
   */
  Requests(Loop loop, Consumer<String> overdue) {
    this.loop = loop;
    this.overdue = overdue;
  }

  /** Take a request in; return its {@code seq_id}. */
  String add(String action, Settle settle) {
    String seqId = PREFIX + ++number;
    pending.put(seqId, new Pending(action, settle, loop.after(ANSWER_MS, () -> expire(seqId))));
    return seqId;
  }

  /** Settle the request that a message answers; return whether it is an answer, a late one included. */
  boolean answered(JsonObject message) {
    String action = Json.text(message, "action", "");
    String seqId = Json.text(message, "seq_id", "");
    boolean failed = action.equals("ERROR") || isFalse(message);
    if (!action.endsWith("_RESPONSE") && !action.equals("PONG") && !(failed && seqId.startsWith(PREFIX))) return false;
    if (failed) settle(seqId, null, AssaException.of(message));
    else settle(seqId, Json.object(message, "data"), null);
    return true;
  }

  /** Settle all of them: there will be no answers. */
  void fail(AssaException error) {
    List<String> all = new ArrayList<>(pending.keySet());
    for (String seqId : all) settle(seqId, null, error);
  }

  private static boolean isFalse(JsonObject message) {
    return message.has("success") && !Json.isTrue(message, "success");
  }

  private void expire(String seqId) {
    String action = pending.get(seqId).action;
    String words = "no answer to " + action;
    settle(seqId, null, new AssaException(AssaException.REQUEST_TIMEOUT, words, "", -1));
    overdue.accept(action);
  }

  private void settle(String seqId, JsonObject data, AssaException error) {
    Pending one = pending.remove(seqId);
    if (one == null) return;
    one.timer.cancel();
    one.settle.settled(data, error);
  }
}
