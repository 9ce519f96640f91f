package assa.client;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLContext;

/**
 * Two members of a room who say so many messages each, whatever becomes of their connections, and then print what they
 * have heard. For a test that hurts the connections, from outside.
 */
public final class TwoTalkers {
  private static final int WINDOW = 5;

  private TwoTalkers() {}

  /**
   * @param arguments Port; the two users' tokens; messages of each; how much faster than usual the clients' clocks go;
   *     seconds after which it gives up; where TLS is to be used, a file with the certificate to trust.
   */
  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(arguments[0]);
    int count = Integer.parseInt(arguments[3]);
    int speed = Integer.parseInt(arguments[4]);
    SSLContext tls = arguments.length > 6 ? Certificates.trusting(Path.of(arguments[6])) : null;
    CountDownLatch complete = new CountDownLatch(4); // each has said everything and has heard everything
    Talker mina = new Talker("mina", port, arguments[1], count, speed, complete, tls);
    Talker jun = new Talker("jun", port, arguments[2], count, speed, complete, tls);
    JsonObject room = new JsonObject();
    room.addProperty("name", "방");
    room.addProperty("is_open", true);
    long roomId = Json.number(mina.asked("CREATE_ROOM", room), "room_id", 0);
    JsonObject join = new JsonObject();
    join.addProperty("room_id", roomId);
    jun.asked("JOIN_ROOM", join);
    System.out.println(roomId);
    mina.talk(roomId);
    jun.talk(roomId);
    boolean inTime = complete.await(Long.parseLong(arguments[5]), TimeUnit.SECONDS);
    Thread.sleep(300); // for what comes twice
    JsonObject told = new JsonObject();
    told.addProperty("complete", inTime);
    told.add("mina", mina.told());
    told.add("jun", jun.told());
    System.out.println(new Gson().toJson(told));
    mina.client.close();
    jun.client.close();
  }

  private static final class Talker implements AssaListener {
    private final String name;
    private final int count;
    private final CountDownLatch complete;
    private final AssaClient client;
    private final AtomicInteger said = new AtomicInteger();
    private final JsonArray sent = new JsonArray();
    private final JsonArray heard = new JsonArray();
    private final JsonArray failed = new JsonArray();
    private int online;
    private int offline;
    private int gaps;
    private long roomId;

    Talker(String name, int port, String token, int count, int speed, CountDownLatch complete, SSLContext tls) {
      this.name = name;
      this.count = count;
      this.complete = complete;
      AssaClient.Builder builder = AssaClient.builder("localhost").port(port).token(() -> token).deviceId(name)
          .listener(this).loop(new ThreadLoop(speed));
      this.client = (tls == null ? builder : builder.tls(tls)).build();
    }

    /** Ask over a connection that may be cut meanwhile. What it asks may be asked twice. */
    JsonObject asked(String action, JsonObject data) throws InterruptedException {
      while (true) {
        try {
          client.connect().get();
          return client.ask(action, data).get();
        } catch (ExecutionException e) {
          Thread.sleep(50);
        }
      }
    }

    void talk(long room) {
      roomId = room;
      for (int i = 0; i < WINDOW; i++) say();
    }

    private void say() {
      int number = said.getAndIncrement();
      if (number >= count) return;
      client.send(roomId, name + "-" + number + " 안녕하세요 😀").whenComplete((message, error) -> {
        if (error == null) sent.add(pair(message.data()));
        else failed.add(error.toString());
        if (sent.size() + failed.size() == count) complete.countDown();
        say();
      });
    }

    @Override
    public void onEvent(Event event) {
      if (!event.action().equals("NEW_MESSAGE")) return;
      heard.add(pair(event.data()));
      if (heard.size() == count) complete.countDown();
    }

    @Override
    public void onState(State state, String reason) {
      if (state == State.ONLINE) online++;
      if (state != State.OFFLINE || reason.equals("closed")) return;
      offline++;
      client.connect().exceptionally(error -> null); // a person would press a button
    }

    @Override
    public void onGap(JsonObject rooms) {
      gaps++;
    }

    private static JsonArray pair(JsonObject data) {
      JsonArray pair = new JsonArray();
      pair.add(data.get("message_id"));
      pair.add(data.get("content"));
      return pair;
    }

    JsonObject told() {
      JsonObject told = new JsonObject();
      told.add("sent", sent);
      told.add("heard", heard);
      told.add("failed", failed);
      told.addProperty("online", online);
      told.addProperty("offline", offline);
      told.addProperty("gaps", gaps);
      return told;
    }
  }
}
