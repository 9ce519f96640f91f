package assa.client;

import com.google.gson.JsonObject;

/** What becomes of a request; called once. */
@FunctionalInterface
interface Settle {
  /**
   * @param data Of the answer; null where it failed.
   * @param error Why it failed; null where it did not.
   */
  void settled(JsonObject data, AssaException error);
}
