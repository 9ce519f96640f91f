package assa.client;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/** Reads JSON objects, one a line; looks at each byte once, however the lines are cut in pieces. */
final class Lines {
  /** No line of the protocol is nearly as long. */
  static final int MAX_BYTES = 64 * 1024 * 1024;

  private static final int CHUNK = 65_536;
  private static final byte LF = '\n';

  private final InputStream stream;
  private final byte[] chunk = new byte[CHUNK];
  private int begin;
  private int end;
  private byte[] line = new byte[CHUNK];
  private int length;

  Lines(InputStream stream) {
    this.stream = stream;
  }

  /**
   * Wait for the next object.
   *
   * @return It, or null at the end. What stands there without its LF was cut off, and is none.
   * @throws IOException The connection broke, or the line is too long or no JSON object.
   */
  JsonObject next() throws IOException {
    while (true) {
      if (begin == end && !fill()) return null;
      int found = begin;
      while (found < end && chunk[found] != LF) found++;
      keep(found - begin);
      boolean complete = found < end;
      begin = complete ? found + 1 : found;
      if (complete) {
        int size = length;
        length = 0;
        if (!isBlank(size)) return read(size);
      }
    }
  }

  private boolean fill() throws IOException {
    begin = 0;
    end = Math.max(0, stream.read(chunk));
    return end > 0;
  }

  private void keep(int count) throws IOException {
    if (length + count > MAX_BYTES) throw new IOException("the server sent a line of more than 64 MiB");
    if (length + count > line.length) line = Arrays.copyOf(line, Math.max(length + count, 2 * line.length));
    System.arraycopy(chunk, begin, line, length, count);
    length += count;
  }

  private JsonObject read(int size) throws IOException {
    JsonObject object = Json.read(line, size);
    if (line.length > 16 * CHUNK) line = new byte[CHUNK]; // a long one comes seldom
    return object;
  }

  private boolean isBlank(int size) {
    for (int i = 0; i < size; i++) if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r') return false;
    return true;
  }
}
