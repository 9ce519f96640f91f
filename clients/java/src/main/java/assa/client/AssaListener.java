package assa.client;

import com.google.gson.JsonObject;

/** What an application hears. All of it is called on the client's executor, one after the other and in order. */
public interface AssaListener {

  /**
   * Take an event of the server; of those that are told to everybody, each comes once and in order.
   *
   * <p>A NEW_MESSAGE comes once and, within its room, in the order of {@code message_id}, whatever became of the
   * connection meanwhile. A message that this client sent itself does not come: see {@link AssaClient#send}.
   *
   * @param event The event. An ERROR that answers a {@link AssaClient#tell} comes here, with its {@code seqId}.
   */
  default void onEvent(Event event) {}

  /**
   * Take note of whether there is a connection.
   *
   * @param state The new state.
   * @param reason An error code, or words for developers; empty for {@link State#ONLINE}.
   */
  default void onState(State state, String reason) {}

  /**
   * Take note that events were missed for good, as the client was away for too long.
   *
   * <p>The missed messages follow as events: of the rooms that it knows, and of those that the user has joined on
   * another device, of these what is not older than the last message that came from anywhere. What else may have changed (names, members,
   * receipts, calls) is to be drawn anew from this, and asked for where it is shown.
   *
   * @param rooms The data of LIST_ROOMS: the rooms as they are now. Empty with a server of version 1.0, which has no
   *     such thing; of its messages those follow that the user has not confirmed, up to 100 of each room.
   */
  default void onGap(JsonObject rooms) {}

  /**
   * Take note that the missed messages of a room do not follow, or not all of them: the server has refused them four
   * times over. What comes now comes all the same; GET_MESSAGES, asked later, may bring the rest.
   *
   * @param roomId The room.
   * @param afterMessageId The newest message before those that are missing; 0 where it is not known.
   * @param error What they were refused with.
   */
  default void onGap(long roomId, long afterMessageId, AssaException error) {}
}
