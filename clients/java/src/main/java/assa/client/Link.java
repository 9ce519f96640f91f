package assa.client;

import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.List;

/** The way to a server: found, lost, and found again (§10.3). What is said over it is not its concern. */
final class Link {
  private static final long OPEN_MS = 10_000;

  /** Who talks over it. All is called on the loop's thread. */
  interface Owner {
    /** Say CONNECT. */
    void greet(String token, Settle settle);

    /** Take the answer to CONNECT, before anything else is heard. */
    void welcomed(JsonObject data);

    void heard(JsonObject message);

    /** Take note that nothing that was asked will be answered. */
    void cut(AssaException error);

    void changed(State state, String reason);
  }

  private static final class Attempt {
    final boolean automatic;
    String token;
    boolean anew;

    Attempt(boolean automatic) {
      this.automatic = automatic;
    }
  }

  private final Loop loop;
  private final Backoff backoff;
  private final Tokens tokens;
  private final Wire.Opener opener;
  private final Owner owner;
  private final List<Settle> waiting = new ArrayList<>();
  private State state = State.OFFLINE;
  private Wire wire;
  private Attempt attempt;
  private Loop.Timer timer = () -> {};
  /** What the server said last without being asked: it closes after that. */
  private AssaException parting;

  Link(Loop loop, Backoff backoff, Tokens tokens, Wire.Opener opener, Owner owner) {
    this.loop = loop;
    this.backoff = backoff;
    this.tokens = tokens;
    this.opener = opener;
    this.owner = owner;
  }

  State state() {
    return state;
  }

  /** Connect now, where it is not connected; whoever asks hears of the outcome. */
  void connect(Settle outcome) {
    waiting.add(outcome);
    if (attempt != null) return;
    boolean lost = state == State.WAITING; // a user who cannot wait has not given up
    timer.cancel();
    backoff.reset();
    become(State.WAITING, "");
    begin(lost);
  }

  /** Stop trying. */
  void end(String reason, AssaException error) {
    timer.cancel();
    attempt = null;
    become(State.OFFLINE, reason);
    settle(null, error);
  }

  /** Close the connection without a word. */
  void hangUp() {
    Wire old = wire;
    wire = null;
    if (old == null) return;
    old.close();
    owner.cut(AssaException.disconnected("the connection was closed"));
  }

  /** Give the connection up as lost. */
  void drop(String reason) {
    if (wire == null) return;
    wire.close();
    lost(reason);
  }

  void send(byte[] line) {
    if (wire != null) wire.send(line);
  }

  /** Take note of how long the server wants to be left alone. */
  void wish(long ms) {
    backoff.wish(ms);
  }

  /** Take note of why the server is about to close. */
  void part(AssaException error) {
    parting = error;
    if (!error.code().equals("SESSION_REPLACED")) return;
    hangUp();
    end(error.code(), error); // to come back would replace the one that has replaced this one
  }

  // --- one attempt ---

  private void begin(boolean automatic) {
    Attempt mine = new Attempt(automatic);
    attempt = mine;
    parting = null;
    tokens.fetch(token -> dial(mine, token), error -> failed(mine, error));
  }

  private void dial(Attempt mine, String token) {
    if (attempt != mine) return;
    mine.token = token;
    timer = loop.after(OPEN_MS, () -> drop("the server does not answer"));
    Ears ears = new Ears();
    wire = opener.open(ears);
    ears.wire = wire;
  }

  /** Hears of one connection, on whichever thread, and says so on the loop's, unless there is another by then. */
  private final class Ears implements Wire.Ears {
    private Wire wire;

    @Override
    public void opened() {
      loop.execute(() -> {
        if (wire == Link.this.wire && attempt != null) greet(attempt);
      });
    }

    @Override
    public void heard(JsonObject message) {
      loop.execute(() -> {
        if (wire == Link.this.wire) owner.heard(message);
      });
    }

    @Override
    public void lost(String reason) {
      loop.execute(() -> {
        if (wire == Link.this.wire) Link.this.lost(reason);
      });
    }
  }

  private void greet(Attempt mine) {
    timer.cancel();
    owner.greet(mine.token, (data, error) -> {
      if (attempt != mine) return;
      if (error == null) welcomed(data);
      else if (isRefusedToken(error) && !mine.anew) greetAnew(mine, error);
      else failed(mine, error);
    });
  }

  /** Try once more, if there is another token. */
  private void greetAnew(Attempt mine, AssaException refusal) {
    mine.anew = true;
    tokens.fetch(
        token -> {
          if (attempt != mine) return;
          if (token.equals(mine.token)) {
            failed(mine, refusal);
            return;
          }
          mine.token = token;
          greet(mine);
        },
        error -> failed(mine, error));
  }

  private void welcomed(JsonObject data) {
    attempt = null;
    backoff.reset();
    state = State.ONLINE;
    owner.changed(State.ONLINE, "");
    owner.welcomed(data);
    settle(data, null);
  }

  private void failed(Attempt mine, AssaException error) {
    if (attempt != mine) return;
    AssaException cause = error.code().equals(AssaException.DISCONNECTED) && parting != null ? parting : error;
    attempt = null;
    timer.cancel();
    hangUp();
    if (mine.automatic && !isHopeless(cause)) comeBack(cause);
    else end(cause.reason(), cause);
  }

  // --- a loss ---

  private void lost(String reason) {
    AssaException error = AssaException.disconnected(reason);
    Attempt mine = attempt;
    wire = null;
    owner.cut(error); // which fails a CONNECT on its way, and the attempt with it
    if (mine != null) failed(mine, error);
    else if (state == State.ONLINE) comeBack(parting == null ? error : parting);
  }

  private void comeBack(AssaException cause) {
    backoff.wish(cause.retryAfterMs());
    long delay = backoff.next();
    if (delay == Backoff.GIVE_UP) {
      end(cause.reason(), cause);
      return;
    }
    timer = loop.after(delay, () -> begin(true));
    become(State.WAITING, cause.reason());
  }

  private void become(State next, String reason) {
    if (state == next && (next == State.OFFLINE || reason.isEmpty())) return;
    state = next;
    owner.changed(next, reason);
  }

  private void settle(JsonObject data, AssaException error) {
    List<Settle> all = new ArrayList<>(waiting);
    waiting.clear();
    for (Settle one : all) one.settled(data, error);
  }

  private static boolean isRefusedToken(AssaException error) {
    return error.code().equals("AUTH_FAILED") || error.code().equals("INVALID_TOKEN");
  }

  /** Return whether a CONNECT that was refused for this is refused again. */
  private static boolean isHopeless(AssaException error) {
    return isRefusedToken(error) || error.code().equals("PERMISSION_DENIED");
  }
}
