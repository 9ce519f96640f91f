package assa.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

/** A connection is made, is lost, and comes back (§3.1, §10.3). */
final class ReconnectTest {

  @Test
  void connectSaysWhoItIs() {
    World world = new World();
    World.Outcome outcome = world.connect();
    assertEquals(
        World.json("{'jwt_token': 'token-1', 'device_info': {'platform': 'android', 'device_id': 'phone'}}"),
        world.connection().takes("CONNECT").get("data"));
    assertEquals("pending", outcome.code());
  }

  @Test
  void connectTellsTheAnswer() {
    World world = new World();
    World.Outcome outcome = world.connect();
    world.connection().welcomes("s1", false, "e100");
    Welcome welcome = Welcome.of(outcome.data);
    assertEquals(1, welcome.userId());
    assertEquals("s1", welcome.sessionId());
    assertFalse(welcome.resumed());
    assertEquals(List.of("WAITING", "ONLINE"), world.states);
    assertEquals("done", world.connect().code());
  }

  /** Nothing was lost where there was nothing: the application hears of it at once. */
  @Test
  void firstAttemptFailsAtOnce() {
    World world = new World();
    world.isReachable = false;
    assertEquals("DISCONNECTED", world.connect().code());
    assertEquals(-1, world.untilNextConnection());
    assertEquals(List.of("WAITING", "OFFLINE refused"), world.states);
  }

  @Test
  void lossIsFollowedByThreeAttempts() {
    World world = new World();
    world.online();
    world.isReachable = false;
    world.connection().cuts();
    assertEquals(1_000, world.untilNextConnection());
    assertEquals(2_000, world.untilNextConnection());
    assertEquals(4_000, world.untilNextConnection());
    assertEquals(-1, world.untilNextConnection());
    assertEquals(
        List.of("WAITING", "ONLINE", "WAITING cut", "WAITING refused", "WAITING refused", "OFFLINE refused"),
        world.states);
  }

  @Test
  void jitterAddsATenth() {
    World world = new World(1);
    world.online();
    world.connection().cuts();
    assertEquals(1_100, world.untilNextConnection());
  }

  @Test
  void successBeginsAnew() {
    World world = new World();
    world.online();
    for (int i = 0; i < 5; i++) {
      world.connection().cuts();
      assertEquals(1_000, world.untilNextConnection());
      world.connection().welcomes("s1", true, "e100");
    }
  }

  @Test
  void serverSaysWhenToComeBack() {
    for (long ms : new long[] {100, 300, 4_200}) {
      World world = new World();
      announces(world.online(), ms);
      world.connection().cuts();
      assertEquals(ms, world.untilNextConnection());
      world.connection().cuts();
      assertEquals(2_000, world.untilNextConnection());
    }
  }

  /** A server that says nonsense is neither hammered nor left for good. */
  @Test
  void serverSaysSoWithinBounds() {
    for (long ms : new long[] {0, 99}) {
      World world = new World();
      announces(world.online(), ms);
      world.connection().cuts();
      assertEquals(100, world.untilNextConnection());
    }
    World world = new World();
    announces(world.online(), Long.MAX_VALUE);
    world.connection().cuts();
    world.loop.advance(3_600_000 - 1);
    assertEquals(1, world.connections.size());
    world.loop.advance(1);
    assertEquals(2, world.connections.size());
  }

  private static void announces(World.Connection connection, long ms) {
    connection.says("{'action': 'SERVER_ANNOUNCEMENT', 'seq_id': 's-1', 'data': {'reconnect_after_ms': " + ms + "}}");
  }

  @Test
  void partingErrorSaysWhenAndWhy() {
    World world = new World();
    world.online().says("{'action': 'ERROR', 'success': false, 'message': '', 'error_code': 'SERVICE_UNAVAILABLE',"
        + " 'seq_id': 's-1', 'data': {'original_action': null, 'retry_after_ms': 2500}}");
    world.connection().cuts();
    assertEquals(2_500, world.untilNextConnection());
    assertEquals("WAITING SERVICE_UNAVAILABLE", world.states.get(2));
    assertEquals("ERROR", world.events.get(0).action());
  }

  @Test
  void refusedConnectIsTriedAgainAfterALoss() {
    World world = new World();
    world.online().cuts();
    world.untilNextConnection();
    world.connection().refuses("CONNECT", "SERVER_FULL", "{'retry_after_ms': 5000}");
    assertTrue(world.connection().isClosed);
    assertEquals(5_000, world.untilNextConnection());
  }

  /** To come back would replace the connection that has replaced this one, without end. */
  @Test
  void replacedClientStaysAway() {
    World world = new World();
    world.online().says("{'action': 'ERROR', 'success': false, 'message': '', 'error_code': 'SESSION_REPLACED',"
        + " 'seq_id': 's-1', 'data': {'original_action': null}}");
    assertTrue(world.connection().isClosed);
    assertEquals(-1, world.untilNextConnection());
    assertEquals("OFFLINE SESSION_REPLACED", world.states.get(2));
  }

  @Test
  void refusedTokenIsReplacedOnce() {
    World world = new World();
    World.Outcome outcome = world.connect();
    world.token = "token-2";
    world.connection().refuses("CONNECT", "INVALID_TOKEN", "{}");
    assertTrue(world.connection().takes("CONNECT").toString().contains("token-2"));
    world.token = "token-3";
    assertEquals("pending", outcome.code());
    assertEquals(2, world.tokensAsked);
  }

  @Test
  void refusedTokenIsTheEndWithoutAnother() {
    World world = new World();
    world.online().cuts();
    world.untilNextConnection();
    world.connection().refuses("CONNECT", "INVALID_TOKEN", "{}");
    assertEquals("OFFLINE INVALID_TOKEN", world.states.get(world.states.size() - 1));
    assertEquals(-1, world.untilNextConnection());
  }

  @Test
  void eachConnectAsksForAToken() {
    World world = new World();
    world.online().cuts();
    world.token = "token-2";
    world.untilNextConnection();
    assertTrue(world.connection().takes("CONNECT").toString().contains("token-2"));
  }

  @Test
  void withoutATokenThereIsNoAttempt() {
    World world = new World();
    world.online().cuts();
    world.token = null;
    world.loop.advance(20_000);
    assertEquals(1, world.connections.size());
    assertEquals("OFFLINE no token: java.io.IOException: the server of tokens is away", world.states.get(5));
  }

  @Test
  void errorOfTheTokenSourceFailsTheAttempt() {
    for (Error wrong : new Error[] {new AssertionError("x"), new NoClassDefFoundError("y")}) {
      World world = new World();
      world.tokenFailure = wrong;
      World.Outcome outcome = world.connect();
      assertEquals("DISCONNECTED", outcome.code());
      assertEquals("no token: " + wrong, outcome.error.getMessage());
      assertEquals(wrong, outcome.error.getCause());
    }
  }

  @Test
  void unansweredConnectIsGivenUp() {
    World world = new World();
    World.Outcome outcome = world.connect();
    world.loop.advance(9_999);
    assertEquals("pending", outcome.code());
    world.loop.advance(1);
    assertEquals("REQUEST_TIMEOUT", outcome.code());
    assertTrue(world.connection().isClosed);
  }

  @Test
  void unopenedConnectionIsGivenUp() {
    World world = new World();
    world.isSilent = true;
    World.Outcome outcome = world.connect();
    world.loop.advance(9_999);
    assertEquals("pending", outcome.code());
    world.loop.advance(1);
    assertEquals("DISCONNECTED", outcome.code());
    assertTrue(world.connection().isClosed);
  }

  @Test
  void answerWithoutAUserFailsTheAttempt() {
    World world = new World();
    World.Outcome outcome = world.connect();
    world.connection().answers("CONNECT", "{}");
    assertEquals(AssaException.INVALID_ANSWER, outcome.code());
    assertTrue(world.connection().isClosed);
    assertEquals("OFFLINE INVALID_ANSWER", world.states.get(1));
  }

  @Test
  void resumingNamesSessionAndPosition() {
    World world = new World();
    world.online();
    world.connection().cuts();
    world.untilNextConnection();
    String first = world.connection().takes("CONNECT").toString();
    assertTrue(first.contains("\"session_id\":\"s1\"") && first.contains("\"last_seq_id\":\"e100\""), first);
    world.connection().cuts();
    world.untilNextConnection();
    world.connection().welcomes("s1", true, "e100");
    world.connection().tells(41);
    world.connection().cuts();
    world.untilNextConnection();
    assertTrue(world.connection().takes("CONNECT").toString().contains("\"last_seq_id\":\"e1041\""));
  }

  @Test
  void whoCannotWaitTriesAtOnce() {
    World world = new World();
    world.online().cuts();
    World.Outcome outcome = world.connect();
    assertEquals(2, world.connections.size());
    world.connection().welcomes("s1", true, "e100");
    assertEquals("done", outcome.code());
    assertEquals(-1, world.untilNextConnection());
  }

  @Test
  void connectAfterGivingUpResumes() {
    World world = new World();
    world.online();
    world.isReachable = false;
    world.connection().cuts();
    world.loop.advance(10_000);
    world.isReachable = true;
    World.Outcome outcome = world.connect();
    assertTrue(world.connection().takes("CONNECT").toString().contains("\"session_id\":\"s1\""));
    assertEquals("pending", outcome.code());
  }

  @Test
  void nothingIsHeardOfAnOldConnection() {
    World world = new World();
    World.Connection old = world.online();
    old.cuts();
    world.untilNextConnection();
    world.connection().welcomes("s1", true, "e100");
    old.tells(41);
    old.cuts();
    assertEquals(List.of(), world.events);
    assertEquals(-1, world.untilNextConnection());
  }
}
