package assa.client;

import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;

/** Gets the user's JWT without keeping anybody waiting. */
final class Tokens {
  /** So long the source may take. */
  static final long WAIT_MS = 30_000;

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
   * Ask for a token, and interrupt a source that takes too long; one of the two is called on the loop's thread.
   *
   * @param failed Told what the source failed with, as an error of the client.
   */
  void fetch(Consumer<String> got, Consumer<AssaException> failed) {
    FutureTask<String> asking = new FutureTask<>(source::token) {
      @Override
      protected void done() {
        loop.execute(() -> settle(this, got, failed));
      }
    };
    loop.after(WAIT_MS, () -> asking.cancel(true)); // does nothing to one that is done
    threads.execute(asking);
  }

  private static void settle(FutureTask<String> asked, Consumer<String> got, Consumer<AssaException> failed) {
    String token = null;
    AssaException error = null;
    try {
      token = asked.get();
    } catch (ExecutionException e) { // whatever the application throws, an Error too
      error = failure(e.getCause().toString(), e.getCause());
    } catch (CancellationException | InterruptedException e) {
      error = failure("its source did not answer in " + WAIT_MS / 1_000 + " s", e);
    }
    if (error != null) failed.accept(error);
    else got.accept(token == null ? "" : token);
  }

  private static AssaException failure(String words, Throwable cause) {
    AssaException error = new AssaException(AssaException.DISCONNECTED, "no token: " + words, "", -1);
    error.initCause(cause);
    return error;
  }
}
