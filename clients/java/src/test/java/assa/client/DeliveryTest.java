package assa.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Every message is stored once and told once, in order, whatever becomes of the connection (§5, §10.3, v1.1). */
final class DeliveryTest {

  /** Cut the connection and have it come back. */
  private static World.Connection comeBack(World world, String sessionId, boolean resumed) {
    world.connection().cuts();
    world.untilNextConnection();
    world.connection().welcomes(sessionId, resumed, "e1000");
    return world.connection();
  }

  private static String clientId(JsonObject request) {
    return request.getAsJsonObject("data").get("client_message_id").getAsString();
  }

  // --- sending ---

  @Test
  void messagesWaitForAConnection() {
    World world = new World();
    World.Outcome outcome = world.send("a");
    world.online();
    world.connection().stores(41);
    assertEquals(41, MessageSent.of(outcome.data).messageId());
  }

  @Test
  void oneMessageIsUnderWayAtATime() {
    World world = new World();
    world.online();
    world.send("a");
    world.send("b");
    assertEquals(List.of("SEND_MESSAGE"), world.connection().waiting());
    world.connection().stores(41);
    assertEquals("id-b", clientId(world.connection().takes("SEND_MESSAGE")));
  }

  @Test
  void unansweredMessagesAreSentAgainInOrder() {
    World world = new World();
    world.online();
    World.Outcome first = world.send("a");
    World.Outcome second = world.send("b");
    assertEquals("id-a", clientId(world.connection().takes("SEND_MESSAGE")));
    World.Connection connection = comeBack(world, "s1", true);
    assertEquals("pending", first.code());
    JsonObject again = connection.takes("SEND_MESSAGE");
    assertEquals("id-a", clientId(again));
    connection.answers(again, "{'room_id': 5, 'message_id': 41, 'duplicate': true}");
    connection.stores(42);
    assertEquals(List.of("done", "done"), List.of(first.code(), second.code()));
    assertEquals(List.of(1, 1), List.of(first.times, second.times));
  }

  @Test
  void messageWithoutAnAnswerEndsTheConnection() {
    World world = new World();
    world.online();
    World.Outcome outcome = world.send("a");
    world.loop.advance(10_000);
    assertTrue(world.connection().isClosed);
    world.untilNextConnection();
    world.connection().welcomes("s1", true, "e100");
    world.connection().stores(41);
    assertEquals("done", outcome.code());
  }

  @Test
  void limitedMessageIsNotOvertaken() {
    World world = new World();
    world.online();
    World.Outcome first = world.send("a");
    world.send("b");
    world.connection().refuses("SEND_MESSAGE", "RATE_LIMITED", "{'retry_after_ms': 700}");
    world.loop.advance(699);
    assertEquals(List.of(), world.connection().waiting());
    world.loop.advance(1);
    assertEquals("id-a", clientId(world.connection().takes("SEND_MESSAGE")));
    assertEquals("pending", first.code());
  }

  @Test
  void limitedMessageIsSentOnceOverTheNextConnection() {
    World world = new World();
    world.online();
    world.send("a");
    world.connection().refuses("SEND_MESSAGE", "RATE_LIMITED", "{'retry_after_ms': 5000}");
    World.Connection connection = comeBack(world, "s1", true);
    world.loop.advance(6_000);
    assertEquals(List.of("SEND_MESSAGE"), connection.waiting());
  }

  @Test
  void refusedMessageDoesNotStopTheNext() {
    World world = new World();
    world.online();
    World.Outcome first = world.send("a");
    World.Outcome second = world.send("b");
    world.connection().refuses("SEND_MESSAGE", "USER_NOT_IN_ROOM", "{}");
    world.connection().stores(41);
    assertEquals(List.of("USER_NOT_IN_ROOM", "done"), List.of(first.code(), second.code()));
  }

  @Test
  void messagesSurviveGivingUp() {
    World world = new World();
    world.online();
    World.Outcome outcome = world.send("a");
    world.isReachable = false;
    world.connection().cuts();
    world.loop.advance(10_000);
    assertEquals("pending", outcome.code());
    world.isReachable = true;
    world.connect();
    world.connection().welcomes("s1", true, "e100");
    world.connection().stores(41);
    assertEquals("done", outcome.code());
  }

  // --- hearing ---

  @Test
  void eventsComeAsTheyAre() {
    World world = new World();
    world.online().tells(41);
    Event event = world.events.get(0);
    assertEquals("e1041", event.seqId());
    assertEquals("안녕 41", event.data().get("content").getAsString());
  }

  @Test
  void replayBringsNothingTwice() {
    World world = new World();
    world.online().tells(41);
    World.Connection connection = comeBack(world, "s1", true);
    connection.tells(41);
    connection.tells(42);
    assertEquals(List.of(41L, 42L), world.told());
  }

  @Test
  void otherEventsComeOnceToo() {
    World world = new World();
    String joined = "{'action': 'USER_JOINED', 'seq_id': 'e1041', 'data': {'room_id': 5}}";
    world.online().says(joined);
    World.Connection connection = comeBack(world, "s1", true);
    connection.says(joined);
    connection.says("{'action': 'USER_LEFT', 'seq_id': 'e1042', 'data': {'room_id': 5}}");
    assertEquals(List.of("e1041", "e1042"), List.of(world.events.get(0).seqId(), world.events.get(1).seqId()));
    assertEquals(2, world.events.size());
  }

  @Test
  void gapIsFilledBeforeWhatIsNew() {
    World world = new World();
    world.online().tells(41);
    World.Connection connection = comeBack(world, "s1", false);
    connection.tells(246); // while it is being filled
    connection.answers("LIST_ROOMS", "{'rooms': [{'room_id': 5, 'last_message': {'message_id': 246}}]}");
    assertEquals(1, world.gaps.size());
    JsonObject first = connection.takes("GET_MESSAGES");
    assertEquals("{\"room_id\":5,\"after_message_id\":41,\"limit\":100}", first.get("data").toString());
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
    World.Connection connection = comeBack(world, "s1", false);
    connection.answers("LIST_ROOMS", "{'rooms': [{'room_id': 5, 'last_message': {'message_id': 45}}]}");
    connection.pages(true, 42, 43);
    connection.tells(46);
    connection = comeBack(world, "s1", true);
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
    World.Connection connection = comeBack(world, "s1", false);
    connection.answers("LIST_ROOMS", "{'rooms': [{'room_id': 6, 'last_message': {'message_id': 50}},"
        + "{'room_id': 5, 'last_message': {'message_id': 40}}, {'room_id': 7, 'last_message': {'message_id': 9}}]}");
    JsonObject request = connection.takes("GET_MESSAGES");
    assertEquals("{\"room_id\":6,\"after_message_id\":33,\"limit\":100}", request.get("data").toString());
    connection.answers(request, "{'has_more': false, 'messages': []}");
    assertEquals(List.of(), connection.waiting()); // room 5 has nothing new, and room 7 was not known
  }

  @Test
  void gapOfACreatedRoomBeginsWithTheFirstMessage() {
    World world = new World();
    world.online();
    world.ask("CREATE_ROOM", "{'name': '방'}");
    world.connection().answers("CREATE_ROOM", "{'room_id': 6}");
    World.Connection connection = comeBack(world, "s1", false);
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
    World.Connection connection = comeBack(world, "s1", false);
    connection.answers("LIST_ROOMS", "{'rooms': [{'room_id': 5, 'last_message': {'message_id': 95}}]}");
    assertTrue(connection.takes("GET_MESSAGES").toString().contains("\"after_message_id\":90"));
  }

  /** There is no id before that of a server's first message. */
  @Test
  void gapOfAnEmptyRoomBeginsWithTheFirstMessage() {
    World world = new World();
    world.online("{'room_id': 5, 'last_message': null}");
    World.Connection connection = comeBack(world, "s1", false);
    connection.answers("LIST_ROOMS", "{'rooms': [{'room_id': 5, 'last_message': {'message_id': 3}}]}");
    JsonObject request = connection.takes("GET_MESSAGES");
    assertEquals("{\"room_id\":5,\"before_message_id\":2,\"limit\":1}", request.get("data").toString());
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
    World.Connection connection = comeBack(world, "s2", false);
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
    World.Connection connection = comeBack(world, "s1", false);
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
    World.Connection connection = comeBack(world, "s1", false);
    connection.refuses("LIST_ROOMS", "RATE_LIMITED", "{'retry_after_ms': 50}");
    connection.tells(41);
    assertEquals(List.of(), world.told());
    world.loop.advance(50);
    connection.answers("LIST_ROOMS", "{'rooms': [{'room_id': 5, 'last_message': {'message_id': 41}}]}");
    connection.refuses("GET_MESSAGES", "USER_NOT_IN_ROOM", "{}");
    assertEquals(List.of(41L), world.told());
  }

  @Test
  void limitedCatchUpIsBegunOnceOverTheNextConnection() {
    World world = new World();
    world.online();
    comeBack(world, "s1", false).refuses("LIST_ROOMS", "RATE_LIMITED", "{'retry_after_ms': 5000}");
    World.Connection connection = comeBack(world, "s1", true);
    world.loop.advance(6_000);
    assertEquals(List.of("LIST_ROOMS"), connection.waiting());
  }

  /** A new session replays what the old one had sent itself. */
  @Test
  void onesOwnReplayedMessagesAreNotTold() {
    World world = new World();
    world.online();
    world.send("a");
    world.connection().stores(41);
    World.Outcome second = world.send("b"); // stored, but the answer is lost
    World.Connection connection = comeBack(world, "s2", true);
    connection.tells(41);
    connection.tells(42);
    connection.tells(43);
    assertEquals(List.of(), world.told());
    connection.stores(42);
    assertEquals(List.of(43L), world.told());
    assertEquals("done", second.code());
  }

  @Test
  void messagesOfOnesOtherDevicesAreTold() {
    World world = new World();
    world.online();
    world.send("a");
    world.connection().tells(41);
    world.connection().stores(42);
    assertEquals(List.of(41L), world.told());
  }

  @Test
  void anotherUserBeginsAnew() {
    World world = new World();
    world.online().tells(41);
    World.Outcome outcome = world.send("a");
    world.connection().cuts();
    world.untilNextConnection();
    world.connection().answers("CONNECT", "{'user_id': 2, 'session_id': 's2', 'reconnection_info':"
        + " {'resumed': false, 'last_seq_id': 'e1'}}");
    assertEquals("DISCONNECTED", outcome.code());
    assertEquals(List.of(), world.gaps);
    assertFalse(world.connection().waiting().contains("SEND_MESSAGE"));
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
}
