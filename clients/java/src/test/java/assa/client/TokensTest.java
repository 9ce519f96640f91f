package assa.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Whatever the application's source of tokens does, there is an outcome (§3.1). */
@Timeout(20)
final class TokensTest {
  private final FakeLoop loop = new FakeLoop();
  private final List<String> outcomes = new ArrayList<>();

  private void fetch(Tokens tokens) {
    tokens.fetch(token -> outcomes.add("token " + token), error -> outcomes.add(error.getMessage()));
  }

  @Test
  void tokenIsTold() {
    fetch(new Tokens(() -> "t", Runnable::run, loop));
    fetch(new Tokens(() -> null, Runnable::run, loop));
    loop.advance(60_000);
    assertEquals(List.of("token t", "token "), outcomes);
  }

  @Test
  void whateverIsThrownIsTold() {
    fetch(new Tokens(() -> {
      throw new NoClassDefFoundError("x");
    }, Runnable::run, loop));
    loop.settle();
    assertEquals(List.of("no token: java.lang.NoClassDefFoundError: x"), outcomes);
  }

  @Test
  void blockingSourceIsInterrupted() throws InterruptedException {
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch interrupted = new CountDownLatch(1);
    Tokens tokens = new Tokens(() -> {
      asked.countDown();
      try {
        return new CountDownLatch(1).await(1, TimeUnit.DAYS) ? "" : "late";
      } catch (InterruptedException e) {
        interrupted.countDown();
        throw e;
      }
    }, work -> ThreadLoop.daemon("token", work).start(), loop);
    fetch(tokens);
    assertTrue(asked.await(10, TimeUnit.SECONDS));
    loop.advance(29_999);
    assertEquals(List.of(), outcomes);
    loop.advance(1);
    assertEquals(List.of("no token: its source did not answer in 30 s"), outcomes);
    assertTrue(interrupted.await(10, TimeUnit.SECONDS));
    loop.settle();
    assertEquals(1, outcomes.size());
  }
}
