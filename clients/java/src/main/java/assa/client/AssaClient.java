package assa.client;

import com.google.gson.JsonObject;
import java.security.NoSuchAlgorithmException;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Function;
import javax.net.ssl.SSLContext;

/**
 * One device of one user, connected to an ASSA server.
 *
 * <p>All methods return at once and may be called on any thread. The listener, and what is chained to the futures,
 * run on one executor, one after the other and in the order of what came; they must not wait for an answer. The
 * client has threads of its own, all of them daemons: one for what it knows, two for each connection's socket, and one
 * while the token source is asked.
 *
 * <p>A connection that is lost is tried for after 1, 2 and 4 seconds (§10.3), or when the server has said to come
 * back, and the session is resumed. When the third attempt fails the state is {@link State#OFFLINE} until
 * {@link #connect()}; messages that were not sent are kept for that.
 */
public final class AssaClient implements AutoCloseable {
  /** The server's usual port (§1). */
  public static final int PORT = 12_345;

  private final ThreadLoop loop;
  private final Callbacks callbacks;
  private final Conversation conversation;
  private final ExecutorService ownExecutor;
  private final AtomicLong told = new AtomicLong();
  private final Object life = new Object();
  private boolean closed;

  private AssaClient(Builder builder) {
    loop = builder.loop == null ? new ThreadLoop(1) : builder.loop;
    ownExecutor = builder.executor != null ? null
        : Executors.newSingleThreadExecutor(work -> ThreadLoop.daemon("assa-callbacks", work));
    callbacks = new Callbacks(ownExecutor == null ? builder.executor : ownExecutor);
    Address address = builder.address();
    Tokens tokens = new Tokens(builder.token, work -> ThreadLoop.daemon("assa-token", work).start(), loop);
    conversation = new Conversation(
        loop, new Backoff(Math::random), tokens, ears -> SocketWire.open(address, loop, callbacks, ears), builder.device(),
        builder.listener, callbacks);
  }

  /**
   * Begin to describe a client.
   *
   * @param host The server's name or number.
   */
  public static Builder builder(String host) {
    return new Builder(host);
  }

  /**
   * Connect; later losses are mended without further ado.
   *
   * @return The answer to CONNECT. Where there is no connection, it fails after one attempt.
   */
  public CompletableFuture<Welcome> connect() {
    return promised(conversation::connect, Welcome::of);
  }

  /**
   * Find out within 10 seconds whether there still is a connection, and try at once where the client waits for its next
   * attempt. For Android's {@code ConnectivityManager}: the network of before may be gone, or there is one again.
   */
  public void check() {
    post(conversation::check);
  }

  /**
   * Send a text message: now, or as soon as there is a connection, and again until it is answered.
   *
   * <p>Messages are stored in the order in which they are given here, each once.
   *
   * @return Completed when it is on the server's disk; failed when it was refused, or given up by
   *     {@link #disconnect} or {@link #close}.
   */
  public CompletableFuture<MessageSent> send(long roomId, String text) {
    JsonObject data = new JsonObject();
    data.addProperty("room_id", roomId);
    data.addProperty("content", text);
    data.addProperty("message_type", "text");
    return send(data);
  }

  /**
   * Send a message of any kind, likewise: an image, a reply, or one that an earlier process has not got an answer for.
   *
   * @param data The data of SEND_MESSAGE (§5.1); without a {@code client_message_id} it is given one.
   */
  public CompletableFuture<MessageSent> send(JsonObject data) {
    JsonObject message = data.deepCopy();
    if (Json.text(message, "client_message_id", "").isEmpty()) {
      message.addProperty("client_message_id", UUID.randomUUID().toString());
    }
    return promised(settle -> conversation.post(message, settle), MessageSent::of);
  }

  /**
   * Send a request over the connection of now.
   *
   * @param action Such as {@code JOIN_ROOM}.
   * @return The data of its answer; failed with an {@link AssaException} where it was refused, where the connection is
   *     lost first, and after 10 seconds.
   */
  public CompletableFuture<JsonObject> ask(String action, JsonObject data) {
    refuseOwn(action);
    JsonObject request = data.deepCopy();
    return promised(settle -> conversation.ask(action, request, settle), answer -> answer);
  }

  /**
   * Send what is answered only where it fails: SDP, ICE_CANDIDATE, MEDIA_STATUS (§7).
   *
   * @return Its {@code seq_id}; if it fails, the listener gets an ERROR with that.
   */
  public String tell(String action, JsonObject data) {
    refuseOwn(action);
    JsonObject request = data.deepCopy();
    String seqId = "tell-" + told.incrementAndGet();
    post(() -> conversation.say(action, request, seqId));
    return seqId;
  }

  /**
   * End the session: seats in calls are given up, and so are messages that were not sent.
   *
   * @param reason For the server's log; at most 200 characters.
   * @return Completed when that is done, after 2 seconds at most; the client may be connected anew then.
   */
  public CompletableFuture<Void> disconnect(String reason) {
    return promised(
        settle -> conversation.disconnect(reason, () -> settle.settled(new JsonObject(), null)), done -> null);
  }

  /**
   * Close the connection without ending the session, which the server keeps for a minute, and the client for good.
   * Messages that were not sent are given up.
   */
  @Override
  public void close() {
    synchronized (life) {
      if (closed) return;
      loop.execute(() -> {
        conversation.close();
        if (ownExecutor != null) ownExecutor.shutdown();
      });
      closed = true;
      loop.stop();
    }
  }

  /** Returns how many callbacks wait for the application. */
  int waiting() {
    return callbacks.waiting();
  }

  private static void refuseOwn(String action) {
    switch (action) {
      case "CONNECT", "DISCONNECT", "PING", "PONG" ->
          throw new IllegalArgumentException(action + " is said by the client itself");
      default -> {}
    }
  }

  private boolean post(Runnable work) {
    synchronized (life) {
      if (!closed) loop.execute(work);
      return !closed;
    }
  }

  private <T> CompletableFuture<T> promised(Consumer<Settle> request, Function<JsonObject, T> read) {
    CompletableFuture<T> promise = new CompletableFuture<>();
    Settle settle = (data, error) -> callbacks.call(() -> {
      if (error == null) promise.complete(read.apply(data));
      else promise.completeExceptionally(error);
    });
    if (!post(() -> request.accept(settle))) promise.completeExceptionally(AssaException.disconnected("closed"));
    return promise;
  }

  /** Describes a client. */
  public static final class Builder {
    private final String host;
    private int port = PORT;
    private boolean usesTls;
    private SSLContext tls;
    private TokenSource token;
    private AssaListener listener = new AssaListener() {};
    private Executor executor;
    private String platform = "android";
    private String appVersion;
    private String deviceId;
    private ThreadLoop loop;

    private Builder(String host) {
      this.host = Objects.requireNonNull(host);
      this.usesTls = !Address.isLoopback(host);
    }

    /** Sets the server's TCP port; by default it is 12345. */
    public Builder port(int value) {
      port = value;
      return this;
    }

    /**
     * Sets whether TLS is used; by default it is, except to this machine itself. The server's certificate has to be
     * one that the system trusts, and for this host's name.
     */
    public Builder tls(boolean value) {
      usesTls = value;
      return this;
    }

    /** Has TLS used with certificates of one's own choice; the host's name is checked all the same. */
    public Builder tls(SSLContext value) {
      tls = Objects.requireNonNull(value);
      usesTls = true;
      return this;
    }

    /** Sets where tokens come from; required. It is asked on a thread of its own and may take its time. */
    public Builder token(TokenSource value) {
      token = Objects.requireNonNull(value);
      return this;
    }

    /** Sets who hears of events. */
    public Builder listener(AssaListener value) {
      listener = Objects.requireNonNull(value);
      return this;
    }

    /** Sets what the listener is called on, such as Android's main thread; by default a thread of the client's. */
    public Builder executor(Executor value) {
      executor = Objects.requireNonNull(value);
      return this;
    }

    /** Sets what names this device; it should stay the same as long as the application is installed. */
    public Builder deviceId(String value) {
      deviceId = Objects.requireNonNull(value);
      return this;
    }

    /** Sets the platform that the server is told; by default {@code android}. */
    public Builder platform(String value) {
      platform = Objects.requireNonNull(value);
      return this;
    }

    /** Sets the version of the application that the server is told. */
    public Builder appVersion(String value) {
      appVersion = Objects.requireNonNull(value);
      return this;
    }

    /** Sets the clock, for tests that have no time. */
    Builder loop(ThreadLoop value) {
      loop = value;
      return this;
    }

    /** Returns the client, which does nothing before {@link AssaClient#connect()}. */
    public AssaClient build() {
      if (token == null) throw new IllegalStateException("a client needs a source of tokens");
      return new AssaClient(this);
    }

    private JsonObject device() {
      JsonObject device = new JsonObject();
      device.addProperty("platform", platform);
      if (appVersion != null) device.addProperty("app_version", appVersion);
      device.addProperty("device_id", deviceId == null ? UUID.randomUUID().toString() : deviceId);
      return device;
    }

    private Address address() {
      try {
        if (usesTls && tls == null) tls = SSLContext.getDefault();
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("this system has no TLS", e);
      }
      return new Address(host, port, usesTls ? tls : null);
    }
  }
}
