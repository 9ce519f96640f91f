package assa.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** A client without sockets and with a clock of the test's; the test is the server. */
final class World implements AssaListener {
  final FakeLoop loop = new FakeLoop();
  final List<Connection> connections = new ArrayList<>();
  final List<Event> events = new ArrayList<>();
  final List<String> states = new ArrayList<>();
  final List<JsonObject> gaps = new ArrayList<>();
  /** Rooms, after which message and why, of which messages could not be fetched. */
  final List<String> lost = new ArrayList<>();
  /** What the server can be reached as. */
  boolean isReachable = true;
  /** Whether it is not even said that it cannot be. */
  boolean isSilent;
  /** What the source of tokens gives; null: it fails. */
  String token = "token-1";
  /** What the source of tokens throws; null: nothing. */
  Error tokenFailure;
  int tokensAsked;
  final Conversation client;

  World() {
    this(0);
  }

  /**
   * @param jitter From 0 to 1.
   */
  World(double jitter) {
    JsonObject device = json("{'platform': 'android', 'device_id': 'phone'}");
    Tokens tokens = new Tokens(this::nextToken, Runnable::run, loop);
    client = new Conversation(
        loop, new Backoff(() -> jitter), tokens, this::open, device, this, new Callbacks(Runnable::run));
  }

  private String nextToken() throws IOException {
    tokensAsked++;
    if (tokenFailure != null) throw tokenFailure;
    if (token == null) throw new IOException("the server of tokens is away");
    return token;
  }

  private Wire open(Wire.Ears ears) {
    Connection connection = new Connection(this, ears);
    connections.add(connection);
    if (isReachable && !isSilent) ears.opened();
    if (!isReachable) ears.lost("refused");
    return connection;
  }

  /** Return what an object with single quotes says. */
  static JsonObject json(String text) {
    return JsonParser.parseString(text.replace('\'', '"')).getAsJsonObject();
  }

  // --- the application ---

  Outcome connect() {
    Outcome outcome = new Outcome();
    client.connect(outcome);
    loop.settle();
    return outcome;
  }

  /** Connect for the first time, to an account with these rooms; return the connection. */
  Connection online(String rooms) {
    connect();
    Connection connection = connection();
    connection.welcomes("s1", false, "e100");
    connection.answers("LIST_ROOMS", "{'rooms': [" + rooms + "]}");
    return connection;
  }

  Connection online() {
    return online("{'room_id': 5, 'last_message': {'message_id': 40}}");
  }

  Outcome send(String text) {
    Outcome outcome = new Outcome();
    client.post(
        json("{'room_id': 5, 'content': '" + text + "', 'client_message_id': 'id-" + text + "'}"), outcome);
    loop.settle();
    return outcome;
  }

  Outcome ask(String action, String data) {
    Outcome outcome = new Outcome();
    client.ask(action, json(data), outcome);
    loop.settle();
    return outcome;
  }

  @Override
  public void onEvent(Event event) {
    events.add(event);
  }

  @Override
  public void onState(State state, String reason) {
    states.add(reason.isEmpty() ? state.name() : state + " " + reason);
  }

  @Override
  public void onGap(JsonObject rooms) {
    gaps.add(rooms);
  }

  @Override
  public void onGap(long roomId, long afterMessageId, AssaException error) {
    lost.add(roomId + " after " + afterMessageId + ": " + error.code());
  }

  /** Return the ids of the messages that it has been told. */
  List<Long> told() {
    List<Long> ids = new ArrayList<>();
    for (Event event : events) {
      if (event.action().equals("NEW_MESSAGE")) ids.add(event.data().get("message_id").getAsLong());
    }
    return ids;
  }

  // --- the server ---

  /** Return the newest connection. */
  Connection connection() {
    return connections.get(connections.size() - 1);
  }

  /** Cut the connection and have it come back; return the new one. */
  Connection comesBack(String sessionId, boolean resumed) {
    connection().cuts();
    untilNextConnection();
    connection().welcomes(sessionId, resumed, "e1000");
    return connection();
  }

  /** Return the time after which the next connection is opened, in milliseconds, up to 30 s; -1: none is. */
  long untilNextConnection() {
    int before = connections.size();
    for (long ms = 0; ms <= 30_000; ms++) {
      loop.advance(ms == 0 ? 0 : 1);
      if (connections.size() > before) return ms;
    }
    return -1;
  }

  /** What became of something that was asked. */
  static final class Outcome implements Settle {
    int times;
    JsonObject data;
    AssaException error;

    @Override
    public void settled(JsonObject answer, AssaException failure) {
      times++;
      data = answer;
      error = failure;
    }

    String code() {
      return times == 0 ? "pending" : error == null ? "done" : error.code();
    }
  }

  /** A connection, as the server sees it. */
  static final class Connection implements Wire {
    private final World world;
    private final Ears ears;
    private final List<JsonObject> received = new ArrayList<>();
    boolean isClosed;

    Connection(World world, Ears ears) {
      this.world = world;
      this.ears = ears;
    }

    @Override
    public void send(byte[] line) {
      try {
        assertEquals('\n', line[line.length - 1]);
        received.add(Json.read(line, line.length - 1));
      } catch (IOException e) {
        fail(e);
      }
    }

    @Override
    public void close() {
      isClosed = true;
    }

    /** Return the oldest message of that action that nobody has looked at. */
    JsonObject takes(String action) {
      for (JsonObject one : received) {
        if (!one.get("action").getAsString().equals(action)) continue;
        received.remove(one);
        return one;
      }
      return fail("no " + action + " among " + received);
    }

    /** Return the actions of what nobody has looked at. */
    List<String> waiting() {
      List<String> actions = new ArrayList<>();
      for (JsonObject one : received) actions.add(one.get("action").getAsString());
      return actions;
    }

    void says(String message) {
      says(json(message));
    }

    void says(JsonObject message) {
      ears.heard(message);
      world.loop.settle();
    }

    void answers(String action, String data) {
      answers(takes(action), data);
    }

    void answers(JsonObject request, String data) {
      JsonObject answer = new JsonObject();
      answer.addProperty("action", request.get("action").getAsString() + "_RESPONSE");
      answer.addProperty("success", true);
      answer.add("data", json(data));
      answer.add("seq_id", request.get("seq_id"));
      says(answer);
    }

    /** Acknowledge the message that waits for it. */
    void stores(long messageId) {
      JsonObject request = takes("SEND_MESSAGE");
      answers(request, "{'room_id': 5, 'message_id': " + messageId + "}");
    }

    void refuses(String action, String code, String data) {
      JsonObject request = takes(action);
      boolean isConnect = action.equals("CONNECT");
      JsonObject answer = json("{'success': false, 'message': '아니요', 'data': " + data + "}");
      answer.addProperty("error_code", code);
      answer.addProperty("action", isConnect ? "CONNECT_RESPONSE" : "ERROR");
      answer.add("seq_id", request.get("seq_id"));
      if (!isConnect) answer.getAsJsonObject("data").addProperty("original_action", action);
      says(answer);
    }

    void welcomes(String sessionId, boolean resumed, String position) {
      answers("CONNECT", "{'user_id': 1, 'session_id': '" + sessionId + "', 'reconnection_info': "
          + "{'resumed': " + resumed + ", 'last_seq_id': '" + position + "'}}");
    }

    /** Begin a session at a time of the form 12:00:00, which resumes none. */
    void welcomesAt(String time, String sessionId) {
      answers("CONNECT", "{'user_id': 1, 'session_id': '" + sessionId + "', 'server_time': '" + at(time) + "',"
          + " 'reconnection_info': {'existing_rooms': [5, 6], 'resumed': false, 'last_seq_id': 'e1000'}}");
    }

    static String at(String time) {
      return "2024-01-01T" + time + ".000Z";
    }

    /** Tell of somebody's message, at the position of its number. */
    void tells(long messageId) {
      JsonObject event = json("{'action': 'NEW_MESSAGE'}");
      event.add("data", message(messageId));
      event.addProperty("seq_id", "e" + (1_000 + messageId));
      says(event);
    }

    /** Answer GET_MESSAGES. */
    void pages(boolean hasMore, long... ids) {
      JsonArray messages = new JsonArray();
      for (long id : ids) messages.add(message(id));
      answers("GET_MESSAGES", "{'room_id': 5, 'has_more': " + hasMore + ", 'messages': " + messages.toString() + "}");
    }

    private static JsonObject message(long id) {
      return json("{'room_id': 5, 'message_id': " + id + ", 'content': '안녕 " + id + "'}");
    }

    void cuts() {
      ears.lost("cut");
      world.loop.settle();
    }
  }
}
