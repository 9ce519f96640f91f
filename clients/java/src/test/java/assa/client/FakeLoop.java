package assa.client;

import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.Queue;

/** A loop whose clock goes when the test says so. */
final class FakeLoop implements Loop {

  private record Due(long atMs, long number, Runnable work) {}

  private final Queue<Runnable> now = new ArrayDeque<>();
  private final PriorityQueue<Due> later =
      new PriorityQueue<>(Comparator.comparingLong(Due::atMs).thenComparingLong(Due::number));
  private long clockMs = 1_000_000;
  private long number;

  @Override
  public void execute(Runnable work) {
    now.add(work);
  }

  @Override
  public Timer after(long delayMs, Runnable work) {
    Due due = new Due(clockMs + delayMs, number++, work);
    later.add(due);
    return () -> later.remove(due);
  }

  @Override
  public long nowMs() {
    return clockMs;
  }

  /** Do what is to be done now. */
  void settle() {
    for (Runnable work = now.poll(); work != null; work = now.poll()) work.run();
  }

  /** Let so much time go by. */
  void advance(long ms) {
    settle();
    long end = clockMs + ms;
    while (!later.isEmpty() && later.peek().atMs <= end) {
      Due due = later.remove();
      clockMs = due.atMs;
      due.work.run();
      settle();
    }
    clockMs = end;
  }
}
