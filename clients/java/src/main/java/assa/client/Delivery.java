package assa.client;

import com.google.gson.JsonObject;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.function.Consumer;

/** Gives events to the application: at once, or later where something has to come before them. */
final class Delivery {
  private final Marks marks;
  private final Consumer<Event> tell;
  private final Queue<Event> held = new ArrayDeque<>();
  private boolean holding;

  Delivery(Marks marks, Consumer<Event> tell) {
    this.marks = marks;
    this.tell = tell;
  }

  boolean isHolding() {
    return holding;
  }

  /** Keep events back from now on. */
  void hold() {
    holding = true;
  }

  /** Give what was kept back, and from now on everything at once. */
  void release() {
    holding = false;
    while (!held.isEmpty()) give(held.remove());
  }

  /** Forget what was kept back: it was for another user. */
  void clear() {
    holding = false;
    held.clear();
  }

  /** Take an event that the server has told. */
  void event(JsonObject message) {
    if (holding) held.add(Event.of(message));
    else give(Event.of(message));
  }

  /** Take a message that was fetched, as its event is gone. */
  void fetched(JsonObject data) {
    JsonObject message = new JsonObject();
    message.addProperty("action", "NEW_MESSAGE");
    message.add("data", data);
    give(Event.of(message));
  }

  private void give(Event event) {
    if (!event.action().equals("NEW_MESSAGE") || marks.isNews(event.data())) tell.accept(event);
  }
}
