package assa.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Requests, their answers, and signs of life (§2, §3.3, §10.2). */
final class AskingTest {

  @Test
  void requestHasAnEnvelope() {
    World world = new World();
    world.online();
    world.ask("ROOM_INFO", "{'room_id': 5}");
    JsonObject request = world.connection().takes("ROOM_INFO");
    assertEquals("{\"room_id\":5}", request.get("data").toString());
    String timestamp = request.get("timestamp").getAsString();
    assertTrue(timestamp.matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{3})?Z"), timestamp);
    assertFalse(request.get("seq_id").getAsString().isEmpty());
  }

  @Test
  void answersFindTheirRequests() {
    World world = new World();
    world.online();
    World.Outcome one = world.ask("ROOM_INFO", "{'room_id': 1}");
    World.Outcome two = world.ask("ROOM_INFO", "{'room_id': 2}");
    JsonObject first = world.connection().takes("ROOM_INFO");
    world.connection().answers("ROOM_INFO", "{'name': '둘'}");
    world.connection().answers(first, "{'name': '하나'}");
    assertEquals("하나", one.data.get("name").getAsString());
    assertEquals("둘", two.data.get("name").getAsString());
  }

  @Test
  void refusalTellsWhy() {
    World world = new World();
    world.online();
    World.Outcome outcome = world.ask("JOIN_ROOM", "{'room_id': 'five'}");
    world.connection().refuses("JOIN_ROOM", "RATE_LIMITED", "{'error_details': 'slowly', 'retry_after_ms': 70}");
    assertEquals("RATE_LIMITED", outcome.error.code());
    assertEquals("아니요", outcome.error.getMessage());
    assertEquals("slowly", outcome.error.details());
    assertEquals(70, outcome.error.retryAfterMs());
  }

  @Test
  void answerIsAwaitedForTenSeconds() {
    World world = new World();
    world.online();
    World.Outcome outcome = world.ask("LIST_ROOMS", "{}");
    world.loop.advance(9_999);
    assertEquals("pending", outcome.code());
    world.loop.advance(1);
    assertEquals("REQUEST_TIMEOUT", outcome.code());
    assertFalse(world.connection().isClosed);
    world.connection().answers("LIST_ROOMS", "{}");
    assertEquals(1, outcome.times);
    assertEquals(List.of(), world.events);
  }

  @Test
  void missingAnswerIsAskedAfter() {
    World world = new World();
    world.online();
    world.ask("LIST_ROOMS", "{}");
    world.loop.advance(10_000);
    world.connection().takes("PING");
    world.loop.advance(10_000);
    assertTrue(world.connection().isClosed);
  }

  /** What is no message at all neither disturbs the client nor reaches the application. */
  @Test
  void messageWithoutAnActionIsPassedOver() {
    for (String action : new String[] {"5", "null", "['NEW_MESSAGE']", "{}"}) {
      World world = new World();
      world.online();
      World.Outcome outcome = world.ask("ROOM_INFO", "{'room_id': 1}");
      world.connection().says("{'action': " + action + ", 'seq_id': 'e101', 'data': {}}");
      world.connection().says("{'action': " + action + ", 'success': false, 'seq_id': 'ask-2', 'data': {}}");
      assertEquals(List.of(), world.events);
      world.connection().answers("ROOM_INFO", "{}");
      assertEquals("done", outcome.code());
    }
  }

  @Test
  void lateErrorIsNoEvent() {
    World world = new World();
    world.online();
    world.ask("LIST_ROOMS", "{}");
    world.loop.advance(10_000);
    world.connection().refuses("LIST_ROOMS", "REQUEST_TIMEOUT", "{}");
    assertEquals(List.of(), world.events);
  }

  @Test
  void lossFailsWhatWasAsked() {
    World world = new World();
    world.online();
    World.Outcome outcome = world.ask("LIST_ROOMS", "{}");
    world.connection().cuts();
    assertEquals("DISCONNECTED", outcome.code());
    assertEquals("DISCONNECTED", world.ask("LIST_ROOMS", "{}").code());
  }

  @Test
  void tooLongAMessageIsNotSent() {
    World world = new World();
    world.online();
    World.Outcome outcome = world.ask("ROOM_INFO", "{'x': '" + "가".repeat(400_000) + "'}");
    assertEquals("MESSAGE_TOO_LONG", outcome.code());
    assertEquals(List.of(), world.connection().waiting());
  }

  @Test
  void pingIsAnswered() {
    World world = new World();
    world.online().says("{'action': 'PING', 'seq_id': 's-3', 'timestamp': '2024-01-01T12:00:00.000Z'}");
    JsonObject pong = world.connection().takes("PONG");
    assertEquals("s-3", pong.get("seq_id").getAsString());
    assertNull(pong.get("data"));
    assertEquals(List.of(), world.events);
  }

  @Test
  void silenceIsQuestioned() {
    World world = new World();
    world.online();
    world.loop.advance(34_999);
    assertEquals(List.of(), world.connection().waiting());
    world.loop.advance(1);
    JsonObject ping = world.connection().takes("PING");
    world.connection().says("{'action': 'PONG', 'seq_id': '" + ping.get("seq_id").getAsString() + "'}");
    world.loop.advance(34_999);
    assertFalse(world.connection().isClosed);
    world.loop.advance(1);
    world.connection().takes("PING");
    world.loop.advance(10_000);
    assertTrue(world.connection().isClosed);
    assertEquals("WAITING no answer to PING", world.states.get(2));
    assertEquals(1_000, world.untilNextConnection());
  }

  @Test
  void checkAsksAtOnce() {
    World world = new World();
    world.online();
    world.client.check();
    world.connection().takes("PING");
    world.loop.advance(10_000);
    assertTrue(world.connection().isClosed);
    world.client.check(); // there is a network again
    world.loop.settle();
    assertEquals(2, world.connections.size());
    world.isReachable = false;
    world.connection().cuts();
    assertEquals(1_000, world.untilNextConnection());
  }

  @Test
  void anythingHeardIsASignOfLife() {
    World world = new World();
    world.online();
    for (int i = 0; i < 10; i++) {
      world.loop.advance(30_000);
      world.connection().says("{'action': 'PING', 'seq_id': 's-3'}");
      assertEquals(List.of("PONG"), world.connection().waiting());
      world.connection().takes("PONG");
    }
  }

  @Test
  void failureOfWhatIsToldIsAnEvent() {
    World world = new World();
    world.online();
    world.client.say("SDP", World.json("{'sdp_type': 'offer'}"), "tell-1");
    world.connection().refuses("SDP", "USER_NOT_IN_ROOM", "{}");
    Event event = world.events.get(0);
    assertEquals("ERROR", event.action());
    assertEquals("tell-1", event.seqId());
    assertEquals("SDP", event.data().get("original_action").getAsString());
    assertEquals("USER_NOT_IN_ROOM", event.message().get("error_code").getAsString());
  }

  @Test
  void tellingWithoutAConnectionIsAnEventToo() {
    World world = new World();
    world.client.say("SDP", World.json("{}"), "tell-1");
    assertEquals("DISCONNECTED", world.events.get(0).message().get("error_code").getAsString());
    assertEquals("tell-1", world.events.get(0).seqId());
  }

  @Test
  void tokenIsRenewedOverTheSameConnection() {
    World world = new World();
    world.online();
    world.token = "token-2";
    world.connection().says("{'action': 'TOKEN_EXPIRING', 'seq_id': 's-9', 'data': {'expires_at': 'soon'}}");
    JsonObject connect = world.connection().takes("CONNECT");
    assertEquals("token-2", connect.getAsJsonObject("data").get("jwt_token").getAsString());
    world.connection().answers(connect, "{'user_id': 1, 'session_id': 's1', 'reconnection_info': {'resumed': true}}");
    world.loop.advance(30_000);
    assertEquals(List.of(), world.connection().waiting());
    assertEquals(1, world.connections.size());
  }

  @Test
  void renewalIsTriedAgain() {
    World world = new World();
    world.online();
    world.token = null;
    world.connection().says("{'action': 'TOKEN_EXPIRING', 'seq_id': 's-9', 'data': {}}");
    world.loop.advance(9_999);
    world.token = "token-2";
    assertEquals(List.of(), world.connection().waiting());
    world.loop.advance(1);
    world.connection().refuses("CONNECT", "SERVICE_UNAVAILABLE", "{}");
    world.loop.advance(10_000);
    world.connection().takes("CONNECT");
  }

  @Test
  void renewalEndsWithTheConnection() {
    World world = new World();
    world.online();
    world.connection().says("{'action': 'TOKEN_EXPIRING', 'seq_id': 's-9', 'data': {}}");
    world.connection().refuses("CONNECT", "SERVICE_UNAVAILABLE", "{}");
    world.connection().cuts();
    world.untilNextConnection();
    world.connection().welcomes("s1", true, "e100");
    world.loop.advance(20_000);
    assertEquals(List.of(), world.connection().waiting());
  }

  @Test
  void disconnectEndsTheSession() {
    World world = new World();
    world.online();
    boolean[] over = {false};
    world.client.disconnect("user_logout", () -> over[0] = true);
    world.connection().answers("DISCONNECT", "{'reason': 'user_logout'}");
    assertTrue(over[0] && world.connection().isClosed);
    world.client.close();
    assertEquals(List.of("WAITING", "ONLINE", "OFFLINE closed"), world.states);
    world.connect();
    assertFalse(world.connection().takes("CONNECT").has("session_id"));
  }

  @Test
  void disconnectWaitsForTwoSeconds() {
    World world = new World();
    world.online();
    boolean[] over = {false};
    world.client.disconnect("user_logout", () -> over[0] = true);
    world.loop.advance(1_999);
    assertFalse(over[0]);
    world.loop.advance(1);
    assertTrue(over[0] && world.connection().isClosed);
    assertEquals(-1, world.untilNextConnection());
  }

  @Test
  void disconnectGivesUpWhatIsNotSent() {
    World world = new World();
    World.Outcome outcome = world.send("a");
    world.client.disconnect("user_logout", () -> {});
    assertEquals("DISCONNECTED", outcome.code());
  }
}
