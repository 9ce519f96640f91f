package assa.client;

import com.google.gson.JsonObject;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;

/** A connection over a socket: one thread opens and reads it, one writes, so that neither waits for the other. */
final class SocketWire implements Wire {
  private static final byte[] END = {};

  /** So many lines are read before it is seen to that the loop has come so far. */
  private static final int AHEAD = 100;

  private final Address address;
  private final Loop loop;
  private final Callbacks callbacks;
  private final Ears ears;
  private final Socket socket = new Socket();
  private final BlockingQueue<byte[]> outgoing = new LinkedBlockingQueue<>();
  private final Thread reader = ThreadLoop.daemon("assa-reader", this::read);
  private volatile boolean over;

  private SocketWire(Address address, Loop loop, Callbacks callbacks, Ears ears) {
    this.address = address;
    this.loop = loop;
    this.callbacks = callbacks;
    this.ears = ears;
  }

  /**
   * Begin to open a connection.
   *
   * @param callbacks Nothing is read while the application lags behind.
   */
  static Wire open(Address address, Loop loop, Callbacks callbacks, Ears ears) {
    SocketWire wire = new SocketWire(address, loop, callbacks, ears);
    wire.reader.start();
    return wire;
  }

  @Override
  public void send(byte[] line) {
    outgoing.add(line);
  }

  @Override
  public void close() {
    over = true;
    outgoing.add(END);
    reader.interrupt(); // it may wait for the application
    try {
      socket.close(); // the lower one: TLS would wait for a farewell that may never come
    } catch (IOException e) {
      // It is closed all the same.
    }
  }

  private void read() {
    String reason = "the server closed the connection";
    try {
      Socket talk = address.connect(socket);
      ThreadLoop.daemon("assa-writer", () -> write(talk)).start();
      ears.opened();
      listen(new Lines(talk.getInputStream()));
    } catch (IOException | RuntimeException | Error e) { // an unknown host is a RuntimeException on some Androids
      reason = e.getMessage() == null ? e.toString() : e.getMessage();
    } catch (InterruptedException e) {
      reason = "closed";
    }
    boolean news = !over;
    close();
    if (news) ears.lost(reason);
  }

  /** Hand lines on, no faster than they are taken: what is not read stays in the network. */
  private void listen(Lines lines) throws IOException, InterruptedException {
    int count = 0;
    for (JsonObject message = lines.next(); message != null; message = lines.next()) {
      ears.heard(message);
      if (++count % AHEAD == 0) {
        CountDownLatch taken = new CountDownLatch(1);
        loop.execute(taken::countDown);
        taken.await();
      }
      callbacks.awaitRoom();
    }
  }

  private void write(Socket talk) {
    try {
      OutputStream stream = new BufferedOutputStream(talk.getOutputStream());
      for (byte[] line = outgoing.take(); line != END; line = outgoing.take()) {
        stream.write(line);
        if (outgoing.isEmpty()) stream.flush();
      }
    } catch (IOException | InterruptedException e) {
      // The reader sees it too. It may have something to read still, the reason for one.
    }
  }
}
