package dev.perdure.terminal;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Reads server-sent events, as the HTML standard defines them (html.spec.whatwg.org, section
 * "Server-sent events"): lines end with LF, CR or CRLF wherever the bytes were cut, a leading byte
 * order mark is dropped, an event ends with a blank line, and one that is unfinished at the end of
 * the stream is dropped.
 *
 * <p>Used by one thread.
 */
final class SseReader {
  /** Above any event of a server with default limits; more is not worth an out-of-memory error. */
  private static final int MAX_EVENT_BYTES = 8 * 1024 * 1024;

  private final InputStream in;
  private final byte[] buffer = new byte[16 * 1024];
  private int at;
  private int end;
  private boolean afterCarriageReturn;
  private boolean firstLine = true;

  SseReader(InputStream in) {
    this.in = in;
  }

  /** The data of one event, its lines joined by line feeds. */
  record Frame(@Nullable String id, String data) {}

  /** Blocks for the next event; null at the end of the stream. */
  @Nullable Frame next() throws IOException {
    String id = null;
    StringBuilder data = new StringBuilder();
    boolean any = false;
    while (true) {
      String line = line();
      if (line == null) {
        return null;
      }
      if (firstLine) {
        firstLine = false;
        line = line.startsWith("\uFEFF") ? line.substring(1) : line;
      }
      if (line.isEmpty()) {
        if (any) {
          return new Frame(id, data.toString());
        }
        continue;
      }
      int colon = line.indexOf(':');
      String field = colon < 0 ? line : line.substring(0, colon);
      String value = colon < 0 ? "" : line.substring(colon + 1);
      if (value.startsWith(" ")) {
        value = value.substring(1);
      }
      switch (field) {
        case "id" -> id = value;
        case "data" -> {
          if (any) {
            data.append('\n');
          }
          any = true;
          data.append(value);
          if (data.length() > MAX_EVENT_BYTES) {
            throw new IOException("an event of more than " + MAX_EVENT_BYTES + " bytes");
          }
        }
        default -> {} // comments, event names and retry hints do not matter here
      }
    }
  }

  private @Nullable String line() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream(256);
    while (true) {
      if (at == end) {
        end = in.read(buffer);
        at = 0;
        if (end < 0) {
          end = 0;
          return null;
        }
        continue;
      }
      byte b = buffer[at++];
      boolean secondHalf = afterCarriageReturn && b == '\n';
      afterCarriageReturn = b == '\r';
      if (secondHalf) {
        continue;
      }
      if (b == '\n' || b == '\r') {
        return line.toString(StandardCharsets.UTF_8);
      }
      line.write(b);
      if (line.size() > MAX_EVENT_BYTES) {
        throw new IOException("a line of more than " + MAX_EVENT_BYTES + " bytes");
      }
    }
  }
}
