package assa.client;

/** Whether there is a connection. */
public enum State {
  /** Connected, and CONNECT has been answered. */
  ONLINE,
  /** Not connected, but the client is trying, or waits for its next attempt (§10.3). */
  WAITING,
  /** Not connected, and nothing happens until {@link AssaClient#connect()}. */
  OFFLINE
}
