package dev.perdure.provider.http;

import java.io.IOException;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Status and headers of an answer.
 *
 * @param version the minor version: 0 or 1
 * @param headers by name in small letters; of several with one name the first
 */
record Head(int version, int status, Map<String, String> headers) {
  private static final int MAX_LINE_BYTES = 16 * 1024;
  private static final int MAX_HEADERS = 200;
  private static final int MAX_HEAD_BYTES = 128 * 1024;
  private static final int MAX_INTERIM = 10;

  @Nullable String header(String name) {
    return headers.get(name);
  }

  boolean keepAlive() {
    String connection = headers.getOrDefault("connection", "").toLowerCase(Locale.ROOT);
    return version == 1 ? !connection.contains("close") : connection.contains("keep-alive");
  }

  /** Reads the head of the final answer; interim ones (100, 103) are skipped. */
  static Head read(Connection connection) throws IOException {
    for (int i = 0; i < MAX_INTERIM; i++) {
      Head head = one(connection);
      if (head.status >= 200) {
        return head;
      }
      if (head.status == 101) {
        break;
      }
    }
    throw new BadHttpException("it has only interim answers");
  }

  private static Head one(Connection connection) throws IOException {
    String line = connection.line(MAX_LINE_BYTES);
    if (!line.matches("HTTP/1\\.[01] [1-5]\\d\\d( .*)?")) {
      throw new BadHttpException("it does not begin with an HTTP/1.1 status line");
    }
    Map<String, String> headers = new HashMap<>();
    int bytes = 0;
    for (int count = 0; ; count++) {
      String header = connection.line(MAX_LINE_BYTES);
      bytes += header.length();
      if (header.isEmpty()) {
        return new Head(line.charAt(7) - '0', Integer.parseInt(line.substring(9, 12)), headers);
      }
      int colon = header.indexOf(':');
      if (count == MAX_HEADERS || bytes > MAX_HEAD_BYTES || colon <= 0) {
        throw new BadHttpException("its headers are too many or broken");
      }
      String name = header.substring(0, colon).toLowerCase(Locale.ROOT);
      String value = header.substring(colon + 1).strip();
      String before = headers.putIfAbsent(name, value);
      if (before != null && !before.equals(value) && name.equals("content-length")) {
        throw new BadHttpException("it has two different lengths");
      }
    }
  }
}
