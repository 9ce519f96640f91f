package assa.client;

import com.google.gson.JsonObject;
import java.util.ArrayDeque;

/** Messages on their way: in order, each until it is answered, across connections. */
final class Outbox {
  private static final long RETRY_MS = 1_000;

  /** Sends SEND_MESSAGE. */
  interface Ask {
    void ask(JsonObject data, Settle settle);
  }

  private static final class Entry {
    final JsonObject data;
    final Settle settle;
    /** Whether the server may have it. */
    boolean tried;

    Entry(JsonObject data, Settle settle) {
      this.data = data;
      this.settle = settle;
    }
  }

  private final Loop loop;
  private final Ask ask;
  /** Oldest first; only the first may be in flight: else one that is refused for a while would be overtaken. */
  private final ArrayDeque<Entry> entries = new ArrayDeque<>();

  private boolean open;
  private Runnable settled;
  /** Counts the connections, so that what was to be tried again over an earlier one is not. */
  private int era;

  Outbox(Loop loop, Ask ask) {
    this.loop = loop;
    this.ask = ask;
  }

  /** Send a message, with its {@code client_message_id}, as soon as can be. */
  void add(JsonObject data, Settle settle) {
    entries.add(new Entry(data, settle));
    if (open && entries.size() == 1) sendFirst();
  }

  /** Return whether the server may have a message of which it has not said so. */
  boolean inDoubt() {
    return !entries.isEmpty() && entries.peek().tried;
  }

  /** Send the first message alone, over a new connection; then do something. */
  void settle(Runnable then) {
    settled = then;
    sendFirst();
  }

  /** Send all messages, over a new connection. */
  void open() {
    open = true;
    if (!entries.isEmpty()) sendFirst();
  }

  /** Wait: there is no connection. */
  void shut() {
    open = false;
    settled = null;
    era += 1;
  }

  /** Give up all messages. */
  void clear(AssaException error) {
    shut();
    ArrayDeque<Entry> all = new ArrayDeque<>(entries);
    entries.clear();
    for (Entry entry : all) entry.settle.settled(null, error);
  }

  private void sendFirst() {
    Entry entry = entries.peek();
    entry.tried = true;
    ask.ask(entry.data, (data, error) -> answered(entry, data, error));
  }

  private void answered(Entry entry, JsonObject data, AssaException failure) {
    boolean isSound = failure != null || Json.number(data, "message_id", 0) > 0;
    AssaException error = isSound ? failure : AssaException.invalid("SEND_MESSAGE");
    if (error != null && error.code().equals(AssaException.DISCONNECTED)) return; // it is sent again by the next one
    if (error != null && error.passes()) {
      int now = era;
      loop.after(error.waitMs(RETRY_MS), () -> {
        if (now == era) sendFirst();
      });
      return;
    }
    entries.remove();
    entry.settle.settled(data, error);
    goOn();
  }

  private void goOn() {
    Runnable then = settled;
    settled = null;
    if (then != null) then.run();
    else if (open && !entries.isEmpty()) sendFirst();
  }
}
