package assa.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Every message is stored once and told once, in order, whatever becomes of the connection (§5, §10.3, v1.1). */
final class DeliveryTest {

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
    World.Connection connection = world.comesBack("s1", true);
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
    World.Connection connection = world.comesBack("s1", true);
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

  /** There is no message without an id; whether it was stored is not known. */
  @Test
  void answerWithoutAMessageIsAFailure() {
    for (String data : new String[] {"null", "[1]", "{}", "{'room_id': 5, 'message_id': 'x'}"}) {
      World world = new World();
      world.online();
      World.Outcome first = world.send("a");
      World.Outcome second = world.send("b");
      JsonObject answer = World.json("{'action': 'SEND_MESSAGE_RESPONSE', 'success': true, 'data': " + data + "}");
      answer.add("seq_id", world.connection().takes("SEND_MESSAGE").get("seq_id"));
      world.connection().says(answer);
      assertEquals(AssaException.INVALID_ANSWER, first.code());
      world.connection().stores(42);
      assertEquals("done", second.code());
    }
  }

  /** A server that says nonsense is not hammered. */
  @Test
  void limitedMessageWaitsForALittle() {
    World world = new World();
    world.online();
    world.send("a");
    world.connection().refuses("SEND_MESSAGE", "RATE_LIMITED", "{'retry_after_ms': 0}");
    world.loop.advance(99);
    assertEquals(List.of(), world.connection().waiting());
    world.loop.advance(1);
    assertEquals(List.of("SEND_MESSAGE"), world.connection().waiting());
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
    World.Connection connection = world.comesBack("s1", true);
    connection.tells(41);
    connection.tells(42);
    assertEquals(List.of(41L, 42L), world.told());
  }

  @Test
  void otherEventsComeOnceToo() {
    World world = new World();
    String joined = "{'action': 'USER_JOINED', 'seq_id': 'e1041', 'data': {'room_id': 5}}";
    world.online().says(joined);
    World.Connection connection = world.comesBack("s1", true);
    connection.says(joined);
    connection.says("{'action': 'USER_LEFT', 'seq_id': 'e1042', 'data': {'room_id': 5}}");
    assertEquals(List.of("e1041", "e1042"), List.of(world.events.get(0).seqId(), world.events.get(1).seqId()));
    assertEquals(2, world.events.size());
  }

  /** A new session replays what the old one had sent itself. */
  @Test
  void onesOwnReplayedMessagesAreNotTold() {
    World world = new World();
    world.online();
    world.send("a");
    world.connection().stores(41);
    World.Outcome second = world.send("b"); // stored, but the answer is lost
    World.Connection connection = world.comesBack("s2", true);
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
}
