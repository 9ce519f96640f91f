package assa.client;

import java.util.concurrent.Executor;
import java.util.function.Consumer;

/** Gets the user's JWT without keeping anybody waiting. */
final class Tokens {
  private final TokenSource source;
  private final Executor threads;
  private final Loop loop;

  /**
   * @param threads Where the source is asked, which may take its time.
   */
  Tokens(TokenSource source, Executor threads, Loop loop) {
    this.source = source;
    this.threads = threads;
    this.loop = loop;
  }

  /**
   * Ask for a token; one of the two is called on the loop's thread.
   *
   * @param failed Told what the source failed with, as an error of the client.
   */
  void fetch(Consumer<String> got, Consumer<AssaException> failed) {
    threads.execute(() -> {
      try {
        String token = source.token();
        loop.execute(() -> got.accept(token == null ? "" : token));
      } catch (Exception e) { // whatever the application throws
        AssaException error = new AssaException(AssaException.DISCONNECTED, "no token: " + e, "", -1);
        error.initCause(e);
        loop.execute(() -> failed.accept(error));
      }
    });
  }
}
