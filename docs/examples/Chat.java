// A chat client: java Chat HOST PORT TOKEN_FILE [ROOM]. Without a room it makes one.
import assa.client.AssaClient;
import assa.client.AssaListener;
import assa.client.Event;
import assa.client.State;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;

public final class Chat implements AssaListener {
  @Override public void onEvent(Event event) {
    if (!event.action().equals("NEW_MESSAGE")) return;
    JsonObject user = event.data().getAsJsonObject("user");
    System.out.println(user.get("nickname").getAsString() + ": " + event.data().get("content").getAsString());
  }

  @Override public void onState(State state, String reason) {
    System.out.println("* " + state);
  }

  public static void main(String[] arguments) throws Exception {
    Path tokenFile = Path.of(arguments[2]);
    try (AssaClient client = AssaClient.builder(arguments[0]).port(Integer.parseInt(arguments[1]))
        .token(() -> Files.readString(tokenFile).strip()) // yours: ask your own service
        .listener(new Chat()).build()) {
      client.connect().get();
      boolean joins = arguments.length > 3;
      String room = joins ? "{\"room_id\": " + arguments[3] + "}" : "{\"name\": \"lobby\", \"is_open\": true}";
      JsonObject data = JsonParser.parseString(room).getAsJsonObject();
      JsonObject answer = client.ask(joins ? "JOIN_ROOM" : "CREATE_ROOM", data).get();
      long roomId = answer.get("room_id").getAsLong();
      System.out.println("* room " + roomId);
      BufferedReader keyboard = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      for (String line = keyboard.readLine(); line != null; line = keyboard.readLine()) {
        try {
          client.send(roomId, line).get();
        } catch (ExecutionException refused) {
          System.out.println("* " + refused.getCause().getMessage());
        }
      }
      client.disconnect("user_logout").get();
    }
  }
}
