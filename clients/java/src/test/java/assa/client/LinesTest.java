package assa.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Lines of JSON out of pieces of bytes (§2). */
final class LinesTest {

  private static InputStream stream(String text) {
    return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Gives no more than so many bytes at once. */
  private static InputStream pieces(InputStream whole, int bytes) {
    return new FilterInputStream(whole) {
      @Override
      public int read(byte[] buffer) throws IOException {
        return super.read(buffer, 0, Math.min(bytes, buffer.length));
      }
    };
  }

  @Test
  void linesMayComeInPieces() throws IOException {
    String text = "{\"글\": \"안녕하세요 😀\"}\r\n\n \t\r\n{\"수\": 2}\n{\"half";
    for (int bytes = 1; bytes < 60; bytes++) {
      Lines lines = new Lines(pieces(stream(text), bytes));
      assertEquals("안녕하세요 😀", lines.next().get("글").getAsString());
      assertEquals(2, lines.next().get("수").getAsInt());
      assertNull(lines.next());
    }
  }

  @Test
  void longLinesAreTaken() throws IOException {
    String text = "가".repeat(3_000_000);
    Lines lines = new Lines(pieces(stream("{\"a\": \"" + text + "\"}\n{\"b\": 1}\n"), 1_000));
    assertEquals(text, lines.next().get("a").getAsString());
    assertEquals(1, lines.next().get("b").getAsInt());
  }

  @Test
  void tooLongALineIsTheEnd() {
    InputStream endless = new InputStream() {
      @Override
      public int read() {
        return ' ';
      }

      @Override
      public int read(byte[] buffer, int from, int count) {
        Arrays.fill(buffer, from, from + count, (byte) ' ');
        return count;
      }
    };
    assertThrows(IOException.class, new Lines(endless)::next);
  }

  @Test
  void whatIsNoObjectIsTheEnd() {
    for (String line : new String[] {"[]", "1", "null", "{", "{'a': 1}", "{\"a\": NaN}", "{} {}", "{\"a\": 1,}"}) {
      assertThrows(IOException.class, new Lines(stream(line + "\n"))::next, line);
    }
    for (String part : new String[] {"[", "{\"a\":"}) {
      IOException reason = assertThrows(IOException.class, new Lines(stream(part.repeat(100_000) + "\n"))::next);
      assertTrue(reason.getMessage().length() < 100, reason.getMessage());
    }
    byte[] latin = "{\"a\": \"é\"}\n".getBytes(StandardCharsets.ISO_8859_1);
    assertThrows(IOException.class, new Lines(new ByteArrayInputStream(latin))::next);
  }
}
