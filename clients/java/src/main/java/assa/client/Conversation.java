package assa.client;

import com.google.gson.JsonObject;

/** What a client says and hears, and what outlives a connection (§2, §3, §10); on the loop's thread. */
final class Conversation implements Link.Owner {
  /** The server sends PING every 30 s; after a longer silence it is asked whether it is there. */
  static final long QUIET_MS = 35_000;

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
    this.catchUp = new CatchUp(new Queries(loop, this::ask), marks, new Ears());
  }

  /** Hears of what was missed. */
  private final class Ears implements CatchUp.Ears {
    @Override
    public void missed(JsonObject rooms) {
      callbacks.call(() -> listener.onGap(rooms));
    }

    @Override
    public void found(JsonObject message) {
      delivery.fetched(message);
    }

    @Override
    public void lost(long roomId, long afterMessageId, AssaException why) {
      callbacks.call(() -> listener.onGap(roomId, afterMessageId, why));
    }
  }

  // --- what the application asks for ---

  void connect(Settle settle) {
    if (link.state() == State.ONLINE) settle.settled(welcome, null);
    else link.connect(settle);
  }

  /** Find out at once whether there still is a connection, or try to make one. */
  void check() {
    if (link.state() == State.ONLINE) ping();
    if (link.state() == State.WAITING) link.connect((data, error) -> {});
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
      if (error == null) marks.answered(action, answer);
      settle.settled(answer, error);
    });
  }

  /** Send what is answered only where it fails, which comes as an event with this {@code seq_id}. */
  void say(String action, JsonObject data, String seqId) {
    byte[] line = Json.line(Envelope.around(data, action, seqId));
    if (link.state() != State.ONLINE) tell(Event.of(Envelope.error(action, seqId, AssaException.DISCONNECTED)));
    else if (Envelope.isTooLong(line)) tell(Event.of(Envelope.error(action, seqId, "MESSAGE_TOO_LONG")));
    else link.send(line);
  }

  // --- what is sent ---

  private void request(String action, JsonObject data, Settle settle) {
    String seqId = requests.add(action, settle);
    JsonObject message = Envelope.around(data, action, seqId);
    if (action.equals("CONNECT") && session.id() != null) message.addProperty("session_id", session.id());
    byte[] line = Json.line(message);
    if (Envelope.isTooLong(line)) requests.answered(Envelope.error(action, seqId, "MESSAGE_TOO_LONG"));
    else link.send(line);
  }

  @Override
  public void greet(String token, Settle settle) {
    JsonObject data = new JsonObject();
    data.addProperty("jwt_token", token);
    data.add("device_info", device);
    if (session.lastSeqId() != null) data.addProperty("last_seq_id", session.lastSeqId());
    request("CONNECT", data, (answer, error) -> {
      boolean isSound = error != null || Json.number(answer, "user_id", 0) > 0;
      settle.settled(answer, isSound ? error : AssaException.invalid("CONNECT"));
    });
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
        catchUp.survey(data);
      }
      case RESUMED -> {}
      case REPLAYED -> {
        if (outbox.inDoubt()) delivery.hold();
      }
      case GAP -> {
        delivery.hold();
        catchUp.missed(data);
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
    if (action.isEmpty()) return;
    if (action.equals("PING")) link.send(Json.line(Envelope.around(null, "PONG", seqId)));
    else if (action.equals("ERROR") && isAboutConnection(message)) tell(Event.of(message), AssaException.of(message));
    else if (requests.answered(message)) return;
    else if (isFleeting(action, seqId)) fleeting(action, message);
    else if (session.advance(seqId)) delivery.event(message);
  }

  /** Return whether it is about this connection alone, so that it is neither kept back nor replayed. */
  private static boolean isFleeting(String action, String seqId) {
    return switch (action) {
      case "TOKEN_EXPIRING", "ERROR" -> true;
      case "SERVER_ANNOUNCEMENT" -> Session.positionOf(seqId) < 0;
      default -> false;
    };
  }

  private static boolean isAboutConnection(JsonObject message) {
    return Json.text(Json.object(message, "data"), "original_action") == null;
  }

  private void tell(Event event, AssaException parting) {
    tell(event);
    link.part(parting);
  }

  private void fleeting(String action, JsonObject message) {
    if (action.equals("TOKEN_EXPIRING")) renew();
    if (action.equals("SERVER_ANNOUNCEMENT")) {
      link.wish(Json.number(Json.object(message, "data"), "reconnect_after_ms", -1));
    }
    tell(Event.of(message));
  }

  private void tell(Event event) {
    callbacks.call(() -> listener.onEvent(event));
  }

  // --- signs of life, and the token's ---

  private void watch() {
    pulse.cancel();
    long quietMs = loop.nowMs() - heardAtMs;
    if (quietMs >= QUIET_MS) ping();
    pulse = loop.after(quietMs >= QUIET_MS ? QUIET_MS : QUIET_MS - quietMs, this::watch);
  }

  private void ping() {
    request("PING", null, (data, error) -> {});
  }

  /** The connection may be dead; but an application that lags has not let its answer be read. */
  private void overdue(String action) {
    if (callbacks.lags() || link.state() != State.ONLINE) return;
    if (action.equals("PING") || action.equals("SEND_MESSAGE")) link.drop("no answer to " + action);
    else ping();
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
