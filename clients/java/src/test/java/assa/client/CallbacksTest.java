package assa.client;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The application is called by one thread at a time, in order, whatever its executor is. */
@Timeout(20)
final class CallbacksTest {

  @Test
  void manyThreadsAreAsGoodAsOne() throws InterruptedException {
    int count = 20_000;
    ExecutorService executor = Executors.newFixedThreadPool(4);
    Callbacks callbacks = new Callbacks(executor);
    AtomicInteger atOnce = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    CountDownLatch all = new CountDownLatch(count);
    List<Integer> called = new ArrayList<>();
    List<Integer> expected = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int number = i;
      expected.add(number);
      callbacks.call(() -> {
        most.accumulateAndGet(atOnce.incrementAndGet(), Math::max);
        called.add(number);
        atOnce.decrementAndGet();
        all.countDown();
      });
    }
    all.await(10, TimeUnit.SECONDS);
    executor.shutdown();
    assertEquals(1, most.get());
    assertEquals(expected, called);
  }

  @Test
  void executorMayHaveEnded() throws InterruptedException {
    ExecutorService executor = Executors.newSingleThreadExecutor();
    executor.shutdown();
    Callbacks callbacks = new Callbacks(executor);
    for (int i = 0; i < 2 * Callbacks.MANY; i++) callbacks.call(() -> {});
    callbacks.awaitRoom();
    assertEquals(0, callbacks.waiting());
  }
}
