import assa.client.AssaClient;
import assa.client.AssaListener;
import assa.client.Event;
import assa.client.State;
import com.google.gson.JsonObject;

/** Joins a room, says hello, and prints what the others say. */
public final class Chat {
  private Chat() {}

  /**
   * @param arguments Host, port, JWT and the id of a room.
   */
  public static void main(String[] arguments) throws Exception {
    long roomId = Long.parseLong(arguments[3]);
    AssaListener screen = new AssaListener() {
      @Override
      public void onEvent(Event event) {
        if (event.action().equals("NEW_MESSAGE")) {
          JsonObject user = event.data().getAsJsonObject("user");
          System.out.println(user.get("nickname").getAsString() + ": " + event.data().get("content").getAsString());
        }
      }

      @Override
      public void onState(State state, String reason) {
        System.out.println("* " + state + " " + reason);
      }
    };
    try (AssaClient client = AssaClient.builder(arguments[0])
        .port(Integer.parseInt(arguments[1]))
        .token(() -> arguments[2]) // asked again whenever a fresh one is needed
        .deviceId("example-phone")
        .listener(screen)
        .build()) {
      client.connect().get();
      JsonObject room = new JsonObject();
      room.addProperty("room_id", roomId);
      client.ask("JOIN_ROOM", room).get();
      System.out.println("* stored as " + client.send(roomId, "안녕하세요!").get().messageId());
      while (System.in.read() != -1) continue; // until the end of the input
      client.disconnect("user_logout").get();
    }
  }
}
