package assa.client;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.logging.Level;
import java.util.logging.Logger;

/** Calls the application: on its executor, one call after the other, in order. */
final class Callbacks {
  /** When so many calls wait, nothing more is read from the server. */
  static final int MANY = 1_000;

  private static final Logger LOGGER = Logger.getLogger("assa.client");

  private final Executor executor;
  private final Queue<Runnable> waiting = new ArrayDeque<>();
  private boolean running;

  Callbacks(Executor executor) {
    this.executor = executor;
  }

  void call(Runnable callback) {
    synchronized (waiting) {
      waiting.add(callback);
      if (running) return;
      running = true;
    }
    try {
      executor.execute(this::drain);
    } catch (RejectedExecutionException e) {
      forget(); // the application has shut its executor down: it wants to hear nothing more
    }
  }

  /** Return how many calls wait. */
  int waiting() {
    synchronized (waiting) {
      return waiting.size();
    }
  }

  /** Return whether the application lags far behind. */
  boolean lags() {
    return waiting() >= MANY;
  }

  /** Wait as long as the application lags far behind. */
  void awaitRoom() throws InterruptedException {
    synchronized (waiting) {
      while (waiting.size() >= MANY) waiting.wait();
    }
  }

  private void drain() {
    for (Runnable callback = next(); callback != null; callback = next()) {
      try {
        callback.run();
      } catch (Throwable e) { // an Error too: all that follows would wait for ever
        LOGGER.log(Level.SEVERE, "the application failed in a callback of the ASSA client", e);
      }
    }
  }

  private Runnable next() {
    synchronized (waiting) {
      Runnable callback = waiting.poll();
      running = callback != null;
      waiting.notifyAll();
      return callback;
    }
  }

  private void forget() {
    synchronized (waiting) {
      waiting.clear();
      running = false;
      waiting.notifyAll();
    }
  }
}
