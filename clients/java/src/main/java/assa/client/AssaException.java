package assa.client;

import com.google.gson.JsonObject;

/** A request that was refused, or that will not be answered. */
public final class AssaException extends RuntimeException {

  /** The connection was lost, or is not there; what was asked may have been done or not. */
  public static final String DISCONNECTED = "DISCONNECTED";

  /** No answer within 10 seconds (§10.2); what was asked may have been done or not. */
  public static final String REQUEST_TIMEOUT = "REQUEST_TIMEOUT";

  /** The answer is not what the protocol says; what was asked may have been done or not. */
  public static final String INVALID_ANSWER = "INVALID_ANSWER";

  private static final long serialVersionUID = 1L;

  /** The server's {@code error_code} (§9.2), or one of those of this class. */
  private final String code;

  /** What is wrong with the request, in English, for developers; empty where the server does not say. */
  private final String details;

  /** Milliseconds to wait before it is tried again, or -1 where the server does not say. */
  private final long retryAfterMs;

  AssaException(String code, String message, String details, long retryAfterMs) {
    super(message);
    this.code = code;
    this.details = details;
    this.retryAfterMs = retryAfterMs;
  }

  static AssaException disconnected(String reason) {
    return new AssaException(DISCONNECTED, reason, "", -1);
  }

  static AssaException invalid(String action) {
    return new AssaException(INVALID_ANSWER, "the answer to " + action + " is not of the protocol", "", -1);
  }

  static AssaException of(JsonObject message) {
    JsonObject data = Json.object(message, "data");
    return new AssaException(
        Json.text(message, "error_code", "INTERNAL_ERROR"),
        Json.text(message, "message", ""),
        Json.text(data, "error_details", ""),
        Json.number(data, "retry_after_ms", -1));
  }

  /** Returns the server's {@code error_code} (§9.2), or one of those of this class. */
  public String code() {
    return code;
  }

  /** Returns what is wrong with the request, in English, for developers; empty where the server does not say. */
  public String details() {
    return details;
  }

  /** Returns the milliseconds to wait before it is tried again, or -1 where the server does not say. */
  public long retryAfterMs() {
    return retryAfterMs;
  }

  /** Returns whether the same request may succeed a little later. */
  boolean passes() {
    return switch (code) {
      case "RATE_LIMITED", "SERVICE_UNAVAILABLE", REQUEST_TIMEOUT -> true;
      default -> false;
    };
  }

  /** Returns whether the server is unwell, or is asked too often: the request itself may be a good one. */
  boolean isTrouble() {
    return passes() || code.equals("INTERNAL_ERROR") || code.equals(INVALID_ANSWER);
  }

  /** Returns the milliseconds to wait before the same is asked again, as the server says or as is usual. */
  long waitMs(long usualMs) {
    return retryAfterMs < 0 ? usualMs : Backoff.bounded(retryAfterMs);
  }

  /** Returns the code, or the words where there is only one code for many causes. */
  String reason() {
    return code.equals(DISCONNECTED) ? getMessage() : code;
  }

  @Override
  public String toString() {
    return "AssaException: " + code + (getMessage().isEmpty() ? "" : " " + getMessage())
        + (details.isEmpty() ? "" : " (" + details + ")");
  }
}
