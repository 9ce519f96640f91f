package assa.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.google.gson.JsonObject;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What was missed is fetched also in a room of which the client has heard nothing yet (v1.1, recovery). */
final class UnknownRoomTest {

  /** Connect at noon, to an account in room 5; hear a message at half past. */
  private static World at1230() {
    World world = new World();
    world.connect();
    world.connection().welcomesAt("12:00:00", "s1");
    world.connection().answers("LIST_ROOMS", rooms(5, 40, "11:59:49"));
    world.connection().says(
        "{'action': 'NEW_MESSAGE', 'seq_id': 'e1041', 'data': " + message(5, 41, "12:30:00") + "}");
    return world;
  }

  /** Come back with a new session at a time, when events have been lost. */
  private static World.Connection comesBackAt(World world, String time) {
    world.connection().cuts();
    world.untilNextConnection();
    world.connection().welcomesAt(time, "s2");
    return world.connection();
  }

  private static String message(long roomId, long messageId, String time) {
    return "{'room_id': " + roomId + ", 'message_id': " + messageId + ", 'created_at': '"
        + World.Connection.at(time) + "'}";
  }

  /** Return the data of LIST_ROOMS. */
  private static String rooms(long roomId, long messageId, String time) {
    return "{'rooms': [{'room_id': " + roomId + ", 'last_message': " + message(roomId, messageId, time) + "}]}";
  }

  private static String page(boolean hasMore, String... messages) {
    return "{'has_more': " + hasMore + ", 'messages': [" + String.join(", ", messages) + "]}";
  }

  private static String after(JsonObject request) {
    return request.getAsJsonObject("data").get("after_message_id").toString();
  }

  /** A closed room gives its member what came after his join, and nothing before that. */
  @Test
  void closedRoomIsFetchedSinceTheJoin() {
    World world = at1230();
    World.Connection connection = comesBackAt(world, "13:00:00");
    connection.answers("LIST_ROOMS", rooms(6, 52, "12:50:00"));
    JsonObject request = connection.takes("GET_MESSAGES");
    assertFalse(request.toString().contains("message_id"));
    connection.answers(request, page(false, message(6, 51, "12:49:00"), message(6, 52, "12:50:00")));
    request = connection.takes("GET_MESSAGES");
    assertEquals("50", after(request));
    connection.answers(request, page(false, message(6, 51, "12:49:00"), message(6, 52, "12:50:00")));
    assertEquals(List.of(41L, 51L, 52L), world.told());
  }

  /** An open room gives everything; what is older than the newest event, by 10 s and more, was not missed. */
  @Test
  void openRoomIsFetchedSinceTheLastEvent() {
    World world = at1230();
    World.Connection connection = comesBackAt(world, "13:00:00");
    connection.answers("LIST_ROOMS", rooms(6, 52, "12:50:00"));
    connection.answers("GET_MESSAGES", page(true, message(6, 51, "12:49:00"), message(6, 52, "12:50:00")));
    JsonObject request = connection.takes("GET_MESSAGES");
    assertEquals("51", request.getAsJsonObject("data").get("before_message_id").toString());
    connection.answers(
        request, page(true, message(6, 30, "12:10:00"), message(6, 45, "12:29:49"), message(6, 50, "12:29:51")));
    request = connection.takes("GET_MESSAGES");
    assertEquals("45", after(request));
    connection.answers(request, page(true, message(6, 50, "12:29:51"), message(6, 51, "12:49:00")));
    connection.answers("GET_MESSAGES", page(false, message(6, 52, "12:50:00")));
    assertEquals(List.of(41L, 50L, 51L, 52L), world.told());
    assertEquals(List.of(), connection.waiting());
  }

  @Test
  void quietRoomHasNothingToFetch() {
    World world = at1230();
    World.Connection connection = comesBackAt(world, "13:00:00");
    connection.answers("LIST_ROOMS", rooms(6, 52, "12:29:49"));
    assertEquals(List.of(), connection.waiting());
    connection = comesBackAt(world, "14:00:00"); // it is known now
    connection.answers("LIST_ROOMS", rooms(6, 53, "13:30:00"));
    assertEquals("52", after(connection.takes("GET_MESSAGES")));
  }

  /** What came before the resume that was refused first is missing still when the second is refused too. */
  @Test
  void timeIsThatOfTheFirstLoss() {
    World world = at1230();
    comesBackAt(world, "13:00:00");
    World.Connection connection = comesBackAt(world, "14:00:00");
    connection.answers("LIST_ROOMS", rooms(6, 52, "12:50:00"));
    connection.answers("GET_MESSAGES", page(false, message(6, 52, "12:50:00")));
    connection.answers("GET_MESSAGES", page(false, message(6, 52, "12:50:00")));
    connection = comesBackAt(world, "15:00:00"); // the second gap was filled, and nothing before 14:00 is missing
    connection.answers("LIST_ROOMS", rooms(7, 60, "13:30:00"));
    assertEquals(List.of(), connection.waiting());
    assertEquals(List.of(41L, 52L), world.told());
  }

  @Test
  void placeIsLookedForAgainAfterALoss() {
    World world = at1230();
    World.Connection connection = comesBackAt(world, "13:00:00");
    connection.answers("LIST_ROOMS", rooms(6, 52, "12:50:00"));
    connection.answers("GET_MESSAGES", page(true, message(6, 52, "12:50:00")));
    connection.takes("GET_MESSAGES");
    connection = world.comesBack("s2", true);
    assertFalse(connection.takes("GET_MESSAGES").toString().contains("message_id"));
  }

  @Test
  void placeThatIsNotFoundEndsTheSearch() {
    World world = at1230();
    World.Connection connection = comesBackAt(world, "13:00:00");
    connection.answers("LIST_ROOMS", rooms(6, 52, "12:50:00"));
    for (int i = 0; i < 2; i++) connection.answers("GET_MESSAGES", page(true, message(6, 52, "12:50:00")));
    assertEquals("51", after(connection.takes("GET_MESSAGES")));
  }

  @Test
  void searchThatIsRefusedIsTold() {
    World world = at1230();
    World.Connection connection = comesBackAt(world, "13:00:00");
    connection.answers("LIST_ROOMS", rooms(6, 52, "12:50:00"));
    for (int i = 0; i < 4; i++) {
      connection.refuses("GET_MESSAGES", "INTERNAL_ERROR", "{}");
      world.loop.advance(4_000);
    }
    assertEquals(List.of("6 after 0: INTERNAL_ERROR"), world.lost);
  }

  /** LIST_ROOMS after the first CONNECT may tell of a message whose event has not come, and does not come. */
  @Test
  void messageBeforeTheFirstListIsFetched() {
    World world = new World();
    world.connect();
    world.connection().welcomesAt("12:00:00", "s1");
    world.connection().answers("LIST_ROOMS", rooms(5, 41, "12:00:01"));
    World.Connection connection = comesBackAt(world, "12:10:00");
    connection.answers("LIST_ROOMS", rooms(5, 41, "12:00:01"));
    connection.answers("GET_MESSAGES", page(true, message(5, 40, "11:00:00"), message(5, 41, "12:00:01")));
    connection.answers("GET_MESSAGES", page(false, message(5, 41, "12:00:01")));
    assertEquals(List.of(41L), world.told());
  }

  /** Likewise where LIST_ROOMS itself had no answer. */
  @Test
  void messageBeforeAnUnansweredListIsFetched() {
    World world = new World();
    world.connect();
    world.connection().welcomesAt("12:00:00", "s1");
    World.Connection connection = comesBackAt(world, "12:10:00");
    connection.answers("LIST_ROOMS", rooms(5, 41, "12:05:00"));
    connection.answers("GET_MESSAGES", page(true, message(5, 40, "11:00:00"), message(5, 41, "12:05:00")));
    connection.answers("GET_MESSAGES", page(false, message(5, 41, "12:05:00")));
    assertEquals(List.of(41L), world.told());
  }

  /** The answer to JOIN_ROOM may be lost with the connection; the user has joined all the same. */
  @Test
  void unansweredJoinIsAJoin() {
    World world = at1230();
    World.Outcome outcome = world.ask("JOIN_ROOM", "{'room_id': 6}");
    World.Connection connection = comesBackAt(world, "13:00:00");
    assertEquals("DISCONNECTED", outcome.code());
    connection.answers("LIST_ROOMS", rooms(6, 52, "12:50:00"));
    connection.answers("GET_MESSAGES", page(false, message(6, 52, "12:50:00")));
    connection.answers("GET_MESSAGES", page(false, message(6, 52, "12:50:00")));
    assertEquals(List.of(41L, 52L), world.told());
  }

  /** An old server tells of what the user has not confirmed, whenever that was. */
  @Test
  void oldServersRoomToo() {
    World world = at1230();
    World.Connection connection = comesBackAt(world, "13:00:00");
    connection.refuses("LIST_ROOMS", "UNKNOWN_ACTION", "{}");
    connection.answers("CHECK_RECEIVE", "{'pending_messages': []}");
    connection.answers(
        "CHECK_RECEIVE", "{'pending_messages': [" + message(6, 50, "11:00:00") + "," + message(6, 51, "12:50:00") + "]}");
    assertEquals(List.of(41L, 51L), world.told());
  }
}
