package assa.client;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonPrimitive;
import com.google.gson.TypeAdapter;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** JSON objects as lines of UTF-8, and their members; nothing here looks into classes. */
final class Json {
  /** Strict, other than {@code JsonParser}; null members are kept and are written. */
  private static final TypeAdapter<JsonElement> TREES = new Gson().getAdapter(JsonElement.class);

  private Json() {}

  /**
   * Read one line.
   *
   * @throws IOException It is not one JSON object in UTF-8.
   */
  static JsonObject read(byte[] line, int length) throws IOException {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(line, 0, length)).toString();
      JsonReader reader = new JsonReader(new StringReader(text));
      JsonElement value = TREES.read(reader);
      if (value instanceof JsonObject && reader.peek() == JsonToken.END_DOCUMENT) return (JsonObject) value;
      throw new IOException("the server sent a line that is not one JSON object");
    } catch (CharacterCodingException | JsonParseException | IllegalStateException | NumberFormatException e) {
      throw new IOException("the server sent a line that is not JSON in UTF-8", e);
    }
  }

  /** Return the line of an object, with its LF. */
  static byte[] line(JsonObject object) {
    return (TREES.toJson(object) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /** Return a member that is a string, else null. */
  static String text(JsonObject object, String name) {
    return text(object, name, null);
  }

  static String text(JsonObject object, String name, String otherwise) {
    JsonElement value = object.get(name);
    return value instanceof JsonPrimitive && ((JsonPrimitive) value).isString() ? value.getAsString() : otherwise;
  }

  /** Return a member that is an integer, else the other value. */
  static long number(JsonObject object, String name, long otherwise) {
    JsonElement value = object.get(name);
    boolean isNumber = value instanceof JsonPrimitive && ((JsonPrimitive) value).isNumber();
    return isNumber ? value.getAsLong() : otherwise;
  }

  static boolean isTrue(JsonObject object, String name) {
    JsonElement value = object.get(name);
    return value instanceof JsonPrimitive && ((JsonPrimitive) value).isBoolean() && value.getAsBoolean();
  }

  /** Return a member that is an object, else an empty one. */
  static JsonObject object(JsonObject object, String name) {
    JsonElement value = object.get(name);
    return value instanceof JsonObject ? (JsonObject) value : new JsonObject();
  }

  /** Return the objects of a member that is a list; nothing else is in the protocol's lists that are looked at. */
  static Iterable<JsonObject> objects(JsonObject object, String name) {
    List<JsonObject> objects = new ArrayList<>();
    JsonElement list = object.get(name);
    if (!(list instanceof JsonArray)) return objects;
    for (JsonElement one : (JsonArray) list) if (one instanceof JsonObject) objects.add((JsonObject) one);
    return objects;
  }
}
