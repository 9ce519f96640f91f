package assa.client;

import com.google.gson.JsonObject;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

/** What a client says and hears, and what outlives a connection (§2, §3, §10); on the loop's thread. */
final class Conversation implements Link.Owner {
  /** The server sends PING every 30 s; after a longer silence it is asked whether it is there. */
  static final long QUIET_MS = 35_000;

  /** §10.1. */
  static final int MESSAGE_BYTES = 1_048_576;

  private static final long FAREWELL_MS = 2_000;
  private static final long RENEW_AGAIN_MS = 10_000;

  private final Loop loop;
  private final Tokens tokens;
  private final JsonObject device;
  private final AssaListener listener;
  private final Callbacks callbacks;
  private final Link link;
  private final Session session = new Session();
  private final Marks marks = new Marks();
  private final Requests requests;
  private final Outbox outbox;
  private final Delivery delivery;
  private final CatchUp catchUp;
  private long heardAtMs;
  private JsonObject welcome;
  private Loop.Timer pulse = () -> {};
  private Loop.Timer renewal = () -> {};

  /**
   * @param device The {@code device_info} of CONNECT.
   */
  Conversation(
      Loop loop, Backoff backoff, Tokens tokens, Wire.Opener opener, JsonObject device, AssaListener listener,
      Callbacks callbacks) {
    this.loop = loop;
    this.tokens = tokens;
    this.device = device;
    this.listener = listener;
    this.callbacks = callbacks;
    this.link = new Link(loop, backoff, tokens, opener, this);
    this.requests = new Requests(loop, this::overdue);
    this.outbox = new Outbox(loop, (data, settle) -> ask("SEND_MESSAGE", data, settle));
    this.delivery = new Delivery(marks, this::tell);
    this.catchUp = new CatchUp(
        loop, this::ask, marks, rooms -> callbacks.call(() -> listener.onGap(rooms)), delivery::fetched);
  }

  // --- what the application asks for ---

  void connect(Settle settle) {
    if (link.state() == State.ONLINE) settle.settled(welcome, null);
    else link.connect(settle);
  }

  /** End the session, and close. */
  void disconnect(String reason, Runnable then) {
    JsonObject data = new JsonObject();
    data.addProperty("reason", reason);
    boolean[] over = {false};
    Runnable end = () -> {
      if (over[0]) return;
      over[0] = true;
      session.forget();
      forgetRooms();
      close();
      then.run();
    };
    if (link.state() == State.ONLINE) {
      loop.after(FAREWELL_MS, end);
      ask("DISCONNECT", data, (answer, error) -> end.run());
    } else {
      end.run();
    }
  }

  /** Close without ending the session. */
  void close() {
    AssaException error = AssaException.disconnected("closed");
    link.hangUp();
    link.end("closed", error);
    outbox.clear(error);
  }

  /** Send a message until it is answered. */
  void post(JsonObject data, Settle settle) {
    outbox.add(data, settle);
  }

  /** Send a request over the connection of now. */
  void ask(String action, JsonObject data, Settle settle) {
    if (link.state() != State.ONLINE) {
      settle.settled(null, AssaException.disconnected("not connected"));
      return;
    }
    request(action, data, (answer, error) -> {
      if (error == null) note(action, answer);
      settle.settled(answer, error);
    });
  }

  /** Send what is answered only where it fails, which comes as an event with this {@code seq_id}. */
  void say(String action, JsonObject data, String seqId) {
    byte[] line = Json.line(envelope(action, data, seqId));
    String code = link.state() != State.ONLINE ? AssaException.DISCONNECTED : refusalOf(line);
    if (code == null) link.send(line);
    else tell(Event.of(localError(action, seqId, code)));
  }

  // --- what is sent ---

  private void request(String action, JsonObject data, Settle settle) {
    String seqId = requests.add(action, settle);
    JsonObject message = envelope(action, data, seqId);
    if (action.equals("CONNECT") && session.id() != null) message.addProperty("session_id", session.id());
    byte[] line = Json.line(message);
    if (refusalOf(line) == null) link.send(line);
    else requests.answered(localError(action, seqId, refusalOf(line)));
  }

  private static JsonObject envelope(String action, JsonObject data, String seqId) {
    JsonObject message = new JsonObject();
    message.addProperty("action", action);
    if (data != null) message.add("data", data);
    message.addProperty("timestamp", Instant.now().truncatedTo(ChronoUnit.MILLIS).toString());
    message.addProperty("seq_id", seqId);
    return message;
  }

  private static String refusalOf(byte[] line) {
    return line.length - 1 > MESSAGE_BYTES ? "MESSAGE_TOO_LONG" : null;
  }

  /** Return an ERROR like the server's, for what never reaches it. */
  private static JsonObject localError(String action, String seqId, String code) {
    JsonObject data = new JsonObject();
    data.addProperty("original_action", action);
    JsonObject message = envelope("ERROR", data, seqId);
    message.addProperty("success", false);
    message.addProperty("error_code", code);
    message.addProperty("message", "");
    return message;
  }

  @Override
  public void greet(String token, Settle settle) {
    JsonObject data = new JsonObject();
    data.addProperty("jwt_token", token);
    data.add("device_info", device);
    if (session.lastSeqId() != null) data.addProperty("last_seq_id", session.lastSeqId());
    request("CONNECT", data, settle);
  }

  // --- a connection begins and ends ---

  @Override
  public void welcomed(JsonObject data) {
    welcome = data;
    long userBefore = session.userId();
    switch (session.welcomed(data)) {
      case BEGUN -> {
        if (userBefore != 0) outbox.clear(AssaException.disconnected("another user"));
        forgetRooms();
        catchUp.survey();
      }
      case RESUMED -> {}
      case REPLAYED -> {
        if (outbox.inDoubt()) delivery.hold();
      }
      case GAP -> {
        delivery.hold();
        catchUp.missed();
      }
    }
    heardAtMs = loop.nowMs();
    watch();
    proceed();
  }

  /**
   * Begin to talk. Where this client's own messages may come back as events, it has to be known first which they
   * are; and what was missed comes before what comes now.
   */
  private void proceed() {
    if (delivery.isHolding() && outbox.inDoubt()) {
      outbox.settle(this::proceed);
    } else if (catchUp.isDue()) {
      catchUp.begin(this::proceed);
    } else {
      delivery.release();
      outbox.open();
    }
  }

  private void forgetRooms() {
    marks.clear();
    catchUp.clear();
    delivery.clear();
  }

  @Override
  public void cut(AssaException error) {
    pulse.cancel();
    renewal.cancel();
    outbox.shut();
    catchUp.shut();
    requests.fail(error);
  }

  @Override
  public void changed(State state, String reason) {
    callbacks.call(() -> listener.onState(state, reason));
  }

  // --- what is heard ---

  @Override
  public void heard(JsonObject message) {
    heardAtMs = loop.nowMs();
    String action = Json.text(message, "action", "");
    String seqId = Json.text(message, "seq_id");
    if (action.equals("PING")) link.send(Json.line(envelope("PONG", null, seqId)));
    else if (action.equals("ERROR") && isAboutConnection(message)) tell(Event.of(message), AssaException.of(message));
    else if (requests.answered(message)) return;
    else if (Session.positionOf(seqId) < 0) unnumbered(action, message);
    else if (session.advance(seqId)) delivery.event(message);
  }

  private static boolean isAboutConnection(JsonObject message) {
    return Json.text(Json.object(message, "data"), "original_action") == null;
  }

  private void tell(Event event, AssaException parting) {
    tell(event);
    link.part(parting);
  }

  private void unnumbered(String action, JsonObject message) {
    if (action.equals("TOKEN_EXPIRING")) renew();
    if (action.equals("SERVER_ANNOUNCEMENT")) {
      link.wish(Json.number(Json.object(message, "data"), "reconnect_after_ms", -1));
    }
    tell(Event.of(message));
  }

  private void tell(Event event) {
    callbacks.call(() -> listener.onEvent(event));
  }

  /** Draw the conclusions that an answer has for what counts as told. */
  private void note(String action, JsonObject data) {
    long room = Json.number(data, "room_id", 0);
    switch (action) {
      case "SEND_MESSAGE" -> marks.sent(room, Json.number(data, "message_id", 0));
      case "CREATE_ROOM" -> marks.begin(room, 0);
      case "JOIN_ROOM" -> {
        long newest = 0;
        for (JsonObject one : Json.objects(data, "recent_messages")) newest = Json.number(one, "message_id", newest);
        marks.begin(room, newest);
      }
      case "EXIT_ROOM" -> marks.forget(room);
      default -> {}
    }
  }

  // --- signs of life, and the token's ---

  private void watch() {
    pulse.cancel();
    long quietMs = loop.nowMs() - heardAtMs;
    if (quietMs >= QUIET_MS) request("PING", null, (data, error) -> {});
    pulse = loop.after(quietMs >= QUIET_MS ? QUIET_MS : QUIET_MS - quietMs, this::watch);
  }

  /** To wait longer would help nobody; but an application that lags has not let its answer be read. */
  private void overdue(String action) {
    boolean vital = action.equals("PING") || action.equals("SEND_MESSAGE");
    if (vital && !callbacks.lags()) link.drop("no answer to " + action);
  }

  private void renew() {
    tokens.fetch(token -> {
      JsonObject data = new JsonObject();
      data.addProperty("jwt_token", token);
      if (link.state() == State.ONLINE) request("CONNECT", data, (answer, error) -> renewed(error));
    }, this::renewed);
  }

  private void renewed(AssaException error) {
    if (error == null || link.state() != State.ONLINE) return; // the next connection begins with a new one anyway
    renewal.cancel();
    renewal = loop.after(RENEW_AGAIN_MS, this::renew);
  }
}
