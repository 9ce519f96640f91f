package assa.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a program sees, over real sockets and with the real clock. */
@Timeout(20)
final class AssaClientTest {

  private static final class Ear implements AssaListener {
    final LinkedBlockingQueue<Event> events = new LinkedBlockingQueue<>();
    final Set<String> threads = new ConcurrentSkipListSet<>();

    @Override
    public void onEvent(Event event) {
      threads.add(Thread.currentThread().getName());
      events.add(event);
    }

    long message() throws InterruptedException {
      return events.poll(10, TimeUnit.SECONDS).data().get("message_id").getAsLong();
    }
  }

  private static AssaClient.Builder builder(ToyServer server) {
    return AssaClient.builder("localhost").port(server.port()).token(() -> "token");
  }

  private static AssaException failureOf(CompletableFuture<?> future) {
    ExecutionException failure =
        assertThrows(ExecutionException.class, () -> future.get(10, TimeUnit.SECONDS));
    return assertInstanceOf(AssaException.class, failure.getCause());
  }

  @Test
  void talksOverASocket() throws Exception {
    Ear ear = new Ear();
    try (ToyServer server = new ToyServer(); AssaClient client = builder(server).listener(ear).build()) {
      CompletableFuture<Welcome> welcome = client.connect();
      server.welcome();
      assertEquals("s1", welcome.get().sessionId());
      CompletableFuture<MessageSent> sent = client.send(5, "안녕하세요 😀");
      JsonObject request = server.take("SEND_MESSAGE");
      JsonObject data = request.getAsJsonObject("data");
      assertEquals("안녕하세요 😀", data.get("content").getAsString());
      assertEquals("text", data.get("message_type").getAsString());
      assertEquals(36, data.get("client_message_id").getAsString().length());
      server.answer(request, "{'room_id': 5, 'message_id': 41, 'client_message_id': 'x', 'created_at': 'now'}");
      assertEquals(41, sent.get().messageId());
      assertEquals("now", sent.get().createdAt());
      client.tell("SDP", new JsonObject());
      assertTrue(server.take("SDP").get("seq_id").getAsString().startsWith("tell-"));
      server.say(ToyServer.message(42));
      assertEquals(42, ear.message());
    }
  }

  /** A line that is cut is none: what it was comes again with the replay. */
  @Test
  void halfALineIsForgotten() throws Exception {
    Ear ear = new Ear();
    try (ToyServer server = new ToyServer();
        AssaClient client = builder(server).listener(ear).loop(new ThreadLoop(10)).build()) {
      client.connect();
      server.welcome();
      server.say(ToyServer.message(1) + ToyServer.message(2).substring(0, 30));
      assertEquals(1, ear.message());
      server.hangUp();
      server.accept();
      JsonObject connect = server.take("CONNECT");
      assertEquals("e101", connect.getAsJsonObject("data").get("last_seq_id").getAsString());
      server.answer(connect, "{'user_id': 1, 'session_id': 's1', 'reconnection_info': {'resumed': true}}");
      server.say(ToyServer.message(2));
      assertEquals(2, ear.message());
    }
  }

  /** What is no JSON has to be a loss, or what it was would be missing. */
  @Test
  void brokenLineIsALoss() throws Exception {
    Ear ear = new Ear();
    try (ToyServer server = new ToyServer();
        AssaClient client = builder(server).listener(ear).loop(new ThreadLoop(10)).build()) {
      client.connect();
      server.welcome();
      server.say("{\"action\": \n");
      server.accept();
      assertEquals("s1", server.take("CONNECT").get("session_id").getAsString());
    }
  }

  @Test
  void callbacksRunOnOneExecutor() throws Exception {
    Ear ear = new Ear();
    LinkedBlockingQueue<Runnable> posted = new LinkedBlockingQueue<>();
    try (ToyServer server = new ToyServer();
        AssaClient client = builder(server).listener(ear).executor(posted::add).build()) {
      CompletableFuture<Welcome> welcome = client.connect();
      CompletableFuture<Void> chained = welcome.thenAccept(answer -> ear.threads.add(Thread.currentThread().getName()));
      server.welcome();
      server.say(ToyServer.message(1));
      while (!chained.isDone() || ear.events.isEmpty()) posted.poll(10, TimeUnit.SECONDS).run();
      assertEquals(Set.of(Thread.currentThread().getName()), ear.threads);
    }
  }

  /** What the application does not take stays in the network, not in memory; nothing is lost by it. */
  @Test
  void slowApplicationIsNotDrowned() throws Exception {
    int count = 5_000;
    Semaphore mayGoOn = new Semaphore(0);
    List<Long> heard = new ArrayList<>();
    CompletableFuture<Void> all = new CompletableFuture<>();
    AssaListener slow = new AssaListener() {
      @Override
      public void onEvent(Event event) {
        mayGoOn.acquireUninterruptibly();
        heard.add(event.data().get("message_id").getAsLong());
        if (heard.size() == count) all.complete(null);
      }
    };
    try (ToyServer server = new ToyServer(); AssaClient client = builder(server).listener(slow).build()) {
      client.connect();
      server.welcome();
      for (long id = 1; id <= count; id++) server.say(ToyServer.message(id));
      Thread.sleep(300);
      int waiting = client.waiting();
      assertTrue(waiting >= Callbacks.MANY && waiting < 2 * Callbacks.MANY, "waiting: " + waiting);
      mayGoOn.release(count);
      all.get(10, TimeUnit.SECONDS);
      for (int i = 0; i < count; i++) assertEquals(i + 1, heard.get(i));
    }
  }

  @Test
  void failingCallbackStopsNothing() throws Exception {
    LinkedBlockingQueue<Event> heard = new LinkedBlockingQueue<>();
    AssaListener failing = new AssaListener() {
      @Override
      public void onEvent(Event event) {
        heard.add(event);
        throw new IllegalStateException("as expected by this test");
      }
    };
    try (ToyServer server = new ToyServer(); AssaClient client = builder(server).listener(failing).build()) {
      client.connect();
      server.welcome();
      server.say(ToyServer.message(1) + ToyServer.message(2));
      assertEquals("e101", heard.poll(10, TimeUnit.SECONDS).seqId());
      assertEquals("e102", heard.poll(10, TimeUnit.SECONDS).seqId());
    }
  }

  @Test
  void nobodyListens() throws Exception {
    ToyServer server = new ToyServer();
    server.close();
    try (AssaClient client = builder(server).build()) {
      assertEquals("DISCONNECTED", failureOf(client.connect()).code());
    }
  }

  @Test
  void unknownHost() {
    try (AssaClient client = AssaClient.builder("no-such-host.invalid").token(() -> "token").build()) {
      assertEquals("DISCONNECTED", failureOf(client.connect()).code());
    }
  }

  @Test
  void closingFailsWhatWaits() throws Exception {
    try (ToyServer server = new ToyServer()) {
      AssaClient client = builder(server).build();
      client.connect();
      server.welcome();
      CompletableFuture<MessageSent> sent = client.send(5, "a");
      CompletableFuture<JsonObject> asked = client.ask("LIST_ROOMS", new JsonObject());
      server.take("SEND_MESSAGE");
      client.close();
      client.close();
      assertEquals("DISCONNECTED", failureOf(sent).code());
      assertEquals("DISCONNECTED", failureOf(asked).code());
      assertEquals("DISCONNECTED", failureOf(client.connect()).code());
      assertEquals("DISCONNECTED", failureOf(client.send(5, "b")).code());
      assertThrows(IOException.class, () -> server.take("DISCONNECT"));
    }
  }

  @Test
  void whatIsSaidByTheClientItselfIsRefused() {
    try (AssaClient client = AssaClient.builder("localhost").token(() -> "token").build()) {
      assertThrows(IllegalArgumentException.class, () -> client.ask("CONNECT", new JsonObject()));
      assertThrows(IllegalArgumentException.class, () -> client.tell("PONG", new JsonObject()));
    }
    assertThrows(IllegalStateException.class, () -> AssaClient.builder("localhost").build());
  }

  @Test
  void thisMachineIsKnownByItsNames() {
    for (String name : List.of("localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]")) {
      assertTrue(Address.isLoopback(name), name);
    }
    for (String name : List.of("chat.example.org", "127.0.0.1.example.org", "10.0.0.1", "localhost.example.org")) {
      assertFalse(Address.isLoopback(name), name);
    }
  }
}
