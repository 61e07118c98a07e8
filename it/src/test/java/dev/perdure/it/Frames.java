package dev.perdure.it;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Server-sent events, read by code that shares nothing with the server's. */
final class Frames {
  private Frames() {}

  /** Reads until the end of the stream (false) or until the consumer says so (true). */
  static boolean read(InputStream in, Predicate<Api.Frame> done) throws IOException {
    BufferedReader lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
    @Nullable String id = null;
    @Nullable String event = null;
    @Nullable StringBuilder data = null;
    String line;
    while ((line = lines.readLine()) != null) {
      if (line.isEmpty()) {
        if (data != null && done.test(new Api.Frame(id, event, data.toString()))) {
          return true;
        }
        id = null;
        event = null;
        data = null;
      } else if (line.startsWith("id:")) {
        id = line.substring(3).strip();
      } else if (line.startsWith("event:")) {
        event = line.substring(6).strip();
      } else if (line.startsWith("data:")) {
        String value = line.substring(line.startsWith("data: ") ? 6 : 5);
        data = data == null ? new StringBuilder(value) : data.append('\n').append(value);
      }
    }
    return false;
  }
}
