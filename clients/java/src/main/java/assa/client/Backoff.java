package assa.client;

import java.util.function.DoubleSupplier;

/** How a lost connection comes back (§10.3): three attempts at most, after 1, 2 and 4 seconds. */
final class Backoff {
  /** What {@link #next} says when it is time to give up. */
  static final long GIVE_UP = -1;

  private static final long[] DELAYS_MS = {1_000, 2_000, 4_000};

  /** Part of a delay that is added at random, so that not all clients come back at once. */
  private static final double JITTER = 0.1;

  private static final long LEAST_MS = 100;
  private static final long MOST_MS = 3_600_000;

  private final DoubleSupplier random;
  private int attempts;
  private long wishMs = -1;

  /**
   * @param random From 0 to 1.
   */
  Backoff(DoubleSupplier random) {
    this.random = random;
  }

  /** Begin anew: there is a connection. */
  void reset() {
    attempts = 0;
    wishMs = -1;
  }

  /** Take note of how long the server wants to be left alone before the next attempt; negative: it says nothing. */
  void wish(long ms) {
    if (ms >= 0) wishMs = bounded(ms);
  }

  /** Return a time that a server has asked for, unless it would have the client hammer, or stay away for good. */
  static long bounded(long ms) {
    return Math.max(LEAST_MS, Math.min(MOST_MS, ms));
  }

  /** Return the milliseconds until the next attempt, as the server wishes or as §10.3 has it, or GIVE_UP. */
  long next() {
    if (attempts == DELAYS_MS.length) return GIVE_UP;
    long usual = Math.round(DELAYS_MS[attempts] * (1 + JITTER * random.getAsDouble()));
    long delay = wishMs >= 0 ? wishMs : usual;
    attempts += 1;
    wishMs = -1;
    return delay;
  }
}
