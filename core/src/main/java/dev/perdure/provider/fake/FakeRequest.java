package dev.perdure.provider.fake;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A request as it came.
 *
 * @param path without the query
 * @param query what is behind the question mark; empty for none
 * @param headers by name in small letters
 */
record FakeRequest(
    String method, String path, String query, Map<String, String> headers, String body) {
  private static final int MAX_HEAD_BYTES = 256 * 1024;
  private static final int MAX_BODY_BYTES = 64 * 1024 * 1024;

  /** The next request of a connection; null if the client has closed it. */
  static @Nullable FakeRequest read(InputStream in) throws IOException {
    int[] budget = {MAX_HEAD_BYTES};
    String line = line(in, budget);
    if (line == null) {
      return null;
    }
    String[] words = line.split(" ", -1);
    if (words.length != 3) {
      throw new IOException("Not a request line");
    }
    Map<String, String> headers = new HashMap<>();
    for (String h = line(in, budget); h != null && !h.isEmpty(); h = line(in, budget)) {
      int colon = h.indexOf(':');
      if (colon > 0) {
        headers.put(h.substring(0, colon).toLowerCase(Locale.ROOT), h.substring(colon + 1).strip());
      }
    }
    int length = Integer.parseInt(headers.getOrDefault("content-length", "0"));
    if (length < 0 || length > MAX_BODY_BYTES) {
      throw new IOException("The body is too long");
    }
    byte[] body = in.readNBytes(length);
    if (body.length < length) {
      throw new EOFException("The client left in the middle of its request");
    }
    int query = words[1].indexOf('?');
    return new FakeRequest(
        words[0],
        query < 0 ? words[1] : words[1].substring(0, query),
        query < 0 ? "" : words[1].substring(query + 1),
        headers,
        new String(body, StandardCharsets.UTF_8));
  }

  private static @Nullable String line(InputStream in, int[] budget) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int b = in.read(); b != '\n'; b = in.read()) {
      if (b < 0) {
        if (line.isEmpty()) {
          return null;
        }
        throw new EOFException("The client left in the middle of a line");
      }
      if (budget[0]-- == 0) {
        throw new IOException("The head is too long");
      }
      line.append((char) b);
    }
    int end = line.length();
    return line.substring(0, end > 0 && line.charAt(end - 1) == '\r' ? end - 1 : end);
  }
}
