package assa.client;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** A server over real sockets that does what the test says, one connection at a time. */
final class ToyServer implements AutoCloseable {
  private final ServerSocket listening;
  private Socket socket;
  private Lines lines;

  ToyServer() throws IOException {
    this(new ServerSocket(0, 10, InetAddress.getLoopbackAddress()));
  }

  ToyServer(ServerSocket listening) {
    this.listening = listening;
  }

  int port() {
    return listening.getLocalPort();
  }

  /** Wait for a connection. */
  void accept() throws IOException {
    socket = listening.accept();
    socket.setSoTimeout(10_000);
    lines = new Lines(socket.getInputStream());
  }

  /** Wait for a connection, and answer its CONNECT and its LIST_ROOMS. */
  void welcome() throws IOException {
    accept();
    answer(take("CONNECT"), "{'user_id': 1, 'session_id': 's1', 'reconnection_info': {'last_seq_id': 'e1'}}");
    answer(take("LIST_ROOMS"), "{'rooms': []}");
  }

  /** Wait for a request of that action, and pass over others. */
  JsonObject take(String action) throws IOException {
    for (JsonObject message = lines.next(); message != null; message = lines.next()) {
      if (message.get("action").getAsString().equals(action)) return message;
    }
    throw new IOException("the client has closed the connection");
  }

  void answer(JsonObject request, String data) throws IOException {
    JsonObject answer = new JsonObject();
    answer.addProperty("action", request.get("action").getAsString() + "_RESPONSE");
    answer.addProperty("success", true);
    answer.add("data", World.json(data));
    answer.add("seq_id", request.get("seq_id"));
    say(answer + "\n");
  }

  /** Send these characters, be they a line, a part of one or several. */
  void say(String text) throws IOException {
    OutputStream stream = socket.getOutputStream();
    stream.write(text.getBytes(StandardCharsets.UTF_8));
    stream.flush();
  }

  static String message(long id) {
    return "{\"action\":\"NEW_MESSAGE\",\"seq_id\":\"e" + (100 + id) + "\",\"data\":{\"room_id\":5,\"message_id\":" + id
        + ",\"content\":\"안녕\"}}\n";
  }

  void hangUp() throws IOException {
    socket.close();
  }

  @Override
  public void close() throws IOException {
    if (socket != null) socket.close();
    listening.close();
  }
}
