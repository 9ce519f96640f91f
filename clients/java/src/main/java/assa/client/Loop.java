package assa.client;

/** One thread, to which everything that a client knows belongs, and its clock. */
interface Loop {

  /** Do it soon, on the loop's thread, after what was given before. */
  void execute(Runnable work);

  /** Do it on the loop's thread after so many milliseconds. */
  Timer after(long delayMs, Runnable work);

  /** Return milliseconds that only grow. */
  long nowMs();

  /** What {@link #after} is going to do. */
  interface Timer {
    void cancel();
  }
}
