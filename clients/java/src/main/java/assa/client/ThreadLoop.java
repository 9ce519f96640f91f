package assa.client;

import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;

/** A real thread with a real clock. */
final class ThreadLoop implements Loop {
  private static final Logger LOGGER = Logger.getLogger("assa.client");

  private final ScheduledThreadPoolExecutor executor;
  private final int speed;

  /**
   * @param speed How much faster its clock goes than others; 1 but in tests.
   */
  ThreadLoop(int speed) {
    this.speed = speed;
    executor = new ScheduledThreadPoolExecutor(1, work -> daemon("assa-client", work));
    executor.setRemoveOnCancelPolicy(true);
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    executor.setRejectedExecutionHandler(new ThreadPoolExecutor.DiscardPolicy()); // it has been closed
  }

  static Thread daemon(String name, Runnable work) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    return thread;
  }

  @Override
  public void execute(Runnable work) {
    executor.execute(() -> run(work));
  }

  @Override
  public Timer after(long delayMs, Runnable work) {
    Future<?> task = executor.schedule(() -> run(work), delayMs * 1_000 / speed, TimeUnit.MICROSECONDS);
    return () -> task.cancel(false);
  }

  @Override
  public long nowMs() {
    return System.nanoTime() / 1_000_000 * speed;
  }

  /** End the thread once it has done what it was given. */
  void stop() {
    executor.shutdown();
  }

  /** The executor would keep what goes wrong to itself. */
  private static void run(Runnable work) {
    try {
      work.run();
    } catch (RuntimeException | Error defect) {
      LOGGER.log(Level.SEVERE, "a defect of the ASSA client", defect);
    }
  }
}
