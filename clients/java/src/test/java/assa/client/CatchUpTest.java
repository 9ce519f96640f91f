package assa.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What was missed for good is fetched, or it is said that it cannot be (§5.3, §10.3, v1.1). */
final class CatchUpTest {
  private static final String LISTED = "{'rooms': [{'room_id': 5, 'last_message': {'message_id': 43}}]}";

  @Test
  void gapIsFilledBeforeWhatIsNew() {
    World world = new World();
    world.online().tells(41);
    World.Connection connection = world.comesBack("s1", false);
    connection.tells(246); // while it is being filled
    connection.answers("LIST_ROOMS", "{'rooms': [{'room_id': 5, 'last_message': {'message_id': 246}}]}");
    assertEquals(1, world.gaps.size());
    JsonObject first = connection.takes("GET_MESSAGES");
    assertEquals("{\"room_id\":5,\"limit\":100,\"after_message_id\":41}", first.get("data").toString());
    connection.answers(first, "{'room_id': 5, 'has_more': true, 'messages': [{'room_id': 5, 'message_id': 43}]}");
    assertTrue(world.connection().waiting().contains("GET_MESSAGES"));
    connection.pages(false, 44, 246);
    connection.tells(247);
    assertEquals(List.of(41L, 43L, 44L, 246L, 247L), world.told());
    assertNull(world.events.get(1).seqId());
  }

  @Test
  void gapIsFilledAcrossAnotherLoss() {
    World world = new World();
    world.online().tells(41);
    World.Connection connection = world.comesBack("s1", false);
    connection.answers("LIST_ROOMS", "{'rooms': [{'room_id': 5, 'last_message': {'message_id': 45}}]}");
    connection.pages(true, 42, 43);
    connection.tells(46);
    connection = world.comesBack("s1", true);
    connection.tells(47);
    JsonObject request = connection.takes("GET_MESSAGES");
    assertEquals("43", request.getAsJsonObject("data").get("after_message_id").toString());
    connection.answers(request, "{'has_more': false, 'messages': [{'room_id': 5, 'message_id': 45},"
        + "{'room_id': 5, 'message_id': 46}]}");
    assertEquals(List.of(41L, 42L, 43L, 45L, 46L, 47L), world.told());
    assertEquals(1, world.gaps.size());
  }

  @Test
  void gapBeginsWhereTheRoomWasWhenItBecameKnown() {
    World world = new World();
    world.online();
    world.ask("JOIN_ROOM", "{'room_id': 6}");
    world.connection().answers(
        "JOIN_ROOM", "{'room_id': 6, 'recent_messages': [{'message_id': 30}, {'message_id': 33}]}");
    World.Connection connection = world.comesBack("s1", false);
    connection.answers("LIST_ROOMS", "{'rooms': [{'room_id': 6, 'last_message': {'message_id': 50}},"
        + "{'room_id': 5, 'last_message': {'message_id': 40}}, {'room_id': 7, 'last_message': {'message_id': 9}}]}");
    JsonObject request = connection.takes("GET_MESSAGES");
    assertEquals("{\"room_id\":6,\"limit\":100,\"after_message_id\":33}", request.get("data").toString());
    connection.answers(request, "{'has_more': false, 'messages': []}");
    assertEquals(List.of(), connection.waiting()); // room 5 has nothing new, and room 7 was not known
  }

  @Test
  void gapOfACreatedRoomBeginsWithTheFirstMessage() {
    World world = new World();
    world.online();
    world.ask("CREATE_ROOM", "{'name': '방'}");
    world.connection().answers("CREATE_ROOM", "{'room_id': 6}");
    World.Connection connection = world.comesBack("s1", false);
    connection.answers("LIST_ROOMS", "{'rooms': [{'room_id': 6, 'last_message': {'message_id': 50}}]}");
    assertTrue(connection.takes("GET_MESSAGES").toString().contains("before_message_id"));
  }

  @Test
  void gapDoesNotReachBeforeTheNewestJoin() {
    World world = new World();
    world.online();
    world.ask("EXIT_ROOM", "{'room_id': 5}");
    world.connection().answers("EXIT_ROOM", "{'room_id': 5}");
    world.ask("JOIN_ROOM", "{'room_id': 5}");
    world.connection().answers("JOIN_ROOM", "{'room_id': 5, 'recent_messages': [{'message_id': 90}]}");
    World.Connection connection = world.comesBack("s1", false);
    connection.answers("LIST_ROOMS", "{'rooms': [{'room_id': 5, 'last_message': {'message_id': 95}}]}");
    assertTrue(connection.takes("GET_MESSAGES").toString().contains("\"after_message_id\":90"));
  }

  /** There is no id before that of a server's first message. */
  @Test
  void gapOfAnEmptyRoomBeginsWithTheFirstMessage() {
    World world = new World();
    world.online("{'room_id': 5, 'last_message': null}");
    World.Connection connection = world.comesBack("s1", false);
    connection.answers("LIST_ROOMS", "{'rooms': [{'room_id': 5, 'last_message': {'message_id': 3}}]}");
    JsonObject request = connection.takes("GET_MESSAGES");
    assertEquals("{\"room_id\":5,\"limit\":1,\"before_message_id\":2}", request.get("data").toString());
    connection.answers(request, "{'has_more': false, 'messages': [{'room_id': 5, 'message_id': 1}]}");
    connection.pages(false, 2, 3);
    assertEquals(List.of(1L, 2L, 3L), world.told());
  }

  @Test
  void gapIsNotFilledWithOnesOwn() {
    World world = new World();
    world.online();
    world.send("a");
    world.connection().stores(41);
    World.Connection connection = world.comesBack("s2", false);
    connection.answers("LIST_ROOMS", "{'rooms': [{'room_id': 5, 'last_message': {'message_id': 42}}]}");
    connection.pages(false, 41, 42);
    assertEquals(List.of(42L), world.told());
  }

  @Test
  void gapWaitsForWhatIsInDoubt() {
    World world = new World();
    world.online();
    World.Outcome first = world.send("a");
    World.Outcome second = world.send("b");
    World.Connection connection = world.comesBack("s1", false);
    assertEquals(List.of("SEND_MESSAGE"), connection.waiting());
    connection.stores(41); // it had been stored
    assertEquals(List.of("LIST_ROOMS"), connection.waiting());
    connection.answers("LIST_ROOMS", "{'rooms': [{'room_id': 5, 'last_message': {'message_id': 42}}]}");
    connection.pages(false, 41, 42);
    assertEquals(List.of(42L), world.told());
    connection.stores(43);
    assertEquals(List.of("done", "done"), List.of(first.code(), second.code()));
  }

  @Test
  void refusedCatchUpIsTriedAgain() {
    World world = new World();
    world.online();
    World.Connection connection = world.comesBack("s1", false);
    connection.refuses("LIST_ROOMS", "RATE_LIMITED", "{'retry_after_ms': 150}");
    connection.tells(41);
    assertEquals(List.of(), world.told());
    world.loop.advance(150);
    connection.answers("LIST_ROOMS", "{'rooms': [{'room_id': 5, 'last_message': {'message_id': 41}}]}");
    connection.refuses("GET_MESSAGES", "USER_NOT_IN_ROOM", "{}");
    assertEquals(List.of(41L), world.told());
  }

  @Test
  void limitedCatchUpIsBegunOnceOverTheNextConnection() {
    World world = new World();
    world.online();
    world.comesBack("s1", false).refuses("LIST_ROOMS", "RATE_LIMITED", "{'retry_after_ms': 5000}");
    World.Connection connection = world.comesBack("s1", true);
    world.loop.advance(6_000);
    assertEquals(List.of("LIST_ROOMS"), connection.waiting());
  }

  /** A server that has trouble is asked again; when that is of no use, the application is told which room it is. */
  @Test
  void refusedMessagesAreAskedForAgain() {
    World world = new World();
    world.online().tells(41);
    World.Connection connection = world.comesBack("s1", false);
    connection.answers("LIST_ROOMS", LISTED);
    for (long ms : new long[] {1_000, 2_000, 4_000}) {
      connection.refuses("GET_MESSAGES", "INTERNAL_ERROR", "{}");
      connection.tells(50 + ms);
      world.loop.advance(ms - 1);
      assertEquals(List.of(), connection.waiting());
      world.loop.advance(1);
    }
    connection.pages(false, 42, 43);
    assertEquals(List.of(41L, 42L, 43L, 1_050L, 2_050L, 4_050L), world.told());
    assertEquals(List.of(), world.lost);
  }

  @Test
  void messagesThatCannotBeHadAreTold() {
    for (String code : List.of("INTERNAL_ERROR", "INVALID_MESSAGE", "SERVICE_UNAVAILABLE", "WHATEVER")) {
      World world = new World();
      world.online().tells(41);
      World.Connection connection = world.comesBack("s1", false);
      connection.answers("LIST_ROOMS", LISTED);
      connection.tells(44);
      for (long ms : new long[] {1_000, 2_000, 4_000}) {
        connection.refuses("GET_MESSAGES", code, "{}");
        world.loop.advance(ms);
      }
      assertEquals(List.of(), world.lost);
      connection.refuses("GET_MESSAGES", code, "{}");
      assertEquals(List.of("5 after 41: " + code), world.lost);
      assertEquals(List.of(41L, 44L), world.told());
      world.loop.advance(20_000);
      assertEquals(List.of(), connection.waiting());
    }
  }

  @Test
  void roomThatWasLeftIsNoLoss() {
    World world = new World();
    world.online().tells(41);
    World.Connection connection = world.comesBack("s1", false);
    connection.answers("LIST_ROOMS", LISTED);
    connection.tells(44);
    connection.refuses("GET_MESSAGES", "USER_NOT_IN_ROOM", "{}");
    assertEquals(List.of(), world.lost);
    assertEquals(List.of(41L, 44L), world.told());
  }

  /** An answer without what was asked for is as good as none. */
  @Test
  void answersWithoutListsAreAskedForAgain() {
    World world = new World();
    world.online().tells(41);
    World.Connection connection = world.comesBack("s1", false);
    connection.answers("LIST_ROOMS", "{'rooms': null}");
    world.loop.advance(1_000);
    connection.answers("LIST_ROOMS", LISTED);
    for (long ms : new long[] {1_000, 2_000, 4_000}) {
      connection.answers("GET_MESSAGES", "{}");
      world.loop.advance(ms);
    }
    connection.answers("GET_MESSAGES", "{}");
    assertEquals(List.of("5 after 41: INVALID_ANSWER"), world.lost);
  }

  /** LIST_ROOMS is not what is needed most. */
  @Test
  void roomsAreDoneWithout() {
    World world = new World();
    world.online();
    world.connection().cuts();
    world.untilNextConnection();
    World.Connection connection = world.connection();
    connection.welcomesAt("12:00:00", "s2");
    for (long ms : new long[] {1_000, 2_000, 4_000, 0}) {
      connection.refuses("LIST_ROOMS", "INTERNAL_ERROR", "{}");
      world.loop.advance(ms);
    }
    assertTrue(connection.takes("GET_MESSAGES").toString().contains("\"after_message_id\":40"));
  }

  @Test
  void endlessPagesEnd() {
    World world = new World();
    world.online().tells(41);
    World.Connection connection = world.comesBack("s1", false);
    connection.answers("LIST_ROOMS", LISTED);
    connection.pages(true, 42);
    connection.pages(true);
    connection.tells(43);
    assertEquals(List.of(41L, 42L, 43L), world.told());
  }

  // --- a server of version 1.0 ---

  private static void welcomes(World.Connection connection, String sessionId) {
    connection.answers("CONNECT", "{'user_id': 1, 'session_id': '" + sessionId + "', 'reconnection_info':"
        + " {'existing_rooms': [5, 6], 'unread_messages': 1}}");
  }

  @Test
  void oldServerIsAskedForWhatIsNotConfirmed() {
    World world = new World();
    world.connect();
    World.Connection connection = world.connection();
    welcomes(connection, "s1");
    connection.refuses("LIST_ROOMS", "UNKNOWN_ACTION", "{}");
    connection.answers("CHECK_RECEIVE", "{'room_id': 5, 'pending_messages': [{'message_id': 40}]}");
    connection.answers("CHECK_RECEIVE", "{'room_id': 6, 'pending_messages': []}");
    connection.says("{'action': 'NEW_MESSAGE', 'seq_id': 'new_msg_1', 'data': {'room_id': 5, 'message_id': 41}}");
    connection.cuts();
    world.untilNextConnection();
    connection = world.connection();
    welcomes(connection, "s2");
    connection.refuses("LIST_ROOMS", "UNKNOWN_ACTION", "{}");
    connection.says("{'action': 'NEW_MESSAGE', 'seq_id': 'new_msg_2', 'data': {'room_id': 5, 'message_id': 43}}");
    connection.answers("CHECK_RECEIVE", "{'room_id': 5, 'pending_messages': [{'message_id': 40}, {'message_id': 41},"
        + " {'message_id': 42}, {'message_id': 43}]}");
    connection.answers("CHECK_RECEIVE", "{'room_id': 6, 'pending_messages': [{'message_id': 7}]}");
    assertEquals(List.of(41L, 42L, 43L, 7L), world.told());
    assertEquals("6", world.events.get(3).data().get("room_id").toString());
  }

  /** What is no id among the rooms is passed over, and nothing waits for it. */
  @Test
  void oldServerMayNameNoRooms() {
    for (String rooms : List.of("[null, 'a', {}, [], 5]", "null", "5")) {
      World world = new World();
      world.connect();
      for (String session : List.of("s1", "s2")) {
        World.Connection connection = world.connection();
        connection.answers("CONNECT", "{'user_id': 1, 'session_id': '" + session + "', 'reconnection_info':"
            + " {'existing_rooms': " + rooms + "}}");
        connection.refuses("LIST_ROOMS", "UNKNOWN_ACTION", "{}");
        if (rooms.contains("5]")) connection.answers("CHECK_RECEIVE", "{'pending_messages': [null]}");
        connection.says("{'action': 'NEW_MESSAGE', 'data': {'room_id': 5, 'message_id': 4" + session.charAt(1) + "}}");
        assertEquals(List.of(), connection.waiting());
        connection.cuts();
        world.untilNextConnection();
      }
      assertEquals(List.of(41L, 42L), world.told());
    }
  }
}
