package dev.perdure.it.chaos;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** One server-sent event. */
record Frame(@Nullable String id, @Nullable String event, String data) {

  /** Reads the next one that has data; null at the end of the stream. */
  static @Nullable Frame read(InputStream in) throws IOException {
    @Nullable String id = null;
    @Nullable String event = null;
    @Nullable String data = null;
    while (true) {
      @Nullable String line = line(in);
      if (line == null) {
        return null;
      }
      if (line.isEmpty()) {
        if (data != null) {
          return new Frame(id, event, data);
        }
        id = null;
        event = null;
      } else if (line.startsWith("id:")) {
        id = line.substring(3).strip();
      } else if (line.startsWith("event:")) {
        event = line.substring(6).strip();
      } else if (line.startsWith("data:")) {
        String value = line.substring(line.startsWith("data: ") ? 6 : 5);
        data = data == null ? value : data + "\n" + value;
      }
    }
  }

  /** The next line; null at the end, where a line without its end does not count. */
  private static @Nullable String line(InputStream in) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream(128);
    for (int b = in.read(); b != '\n'; b = in.read()) {
      if (b < 0) {
        return null;
      }
      if (b != '\r') {
        line.write(b);
      }
    }
    return line.toString(StandardCharsets.UTF_8);
  }
}
