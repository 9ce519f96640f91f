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
import com.google.gson.stream.MalformedJsonException;
import java.io.EOFException;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.format.DateTimeParseException;
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
    } catch (CharacterCodingException | MalformedJsonException | EOFException | JsonParseException
        | IllegalStateException | NumberFormatException e) { // Gson's own words would quote the way down to the place
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
    return isNumber ? integer(value.getAsString(), otherwise) : otherwise;
  }

  /** Parse a number; one like 1e999999999 would take long to be expanded. */
  private static long integer(String text, long otherwise) {
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      return otherwise;
    }
  }

  /** Return the time of a member in ISO 8601, else null. */
  static Instant time(JsonObject object, String name) {
    try {
      return Instant.parse(text(object, name, ""));
    } catch (DateTimeParseException e) {
      return null;
    }
  }

  /** Return the ids of a member that is a list. */
  static List<Long> ids(JsonObject object, String name) {
    List<Long> ids = new ArrayList<>();
    JsonElement list = object.get(name);
    if (!(list instanceof JsonArray)) return ids;
    for (JsonElement one : (JsonArray) list) {
      long id = one instanceof JsonPrimitive ? integer(one.getAsString(), 0) : 0;
      if (id > 0) ids.add(id);
    }
    return ids;
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
