package dev.perdure.server.http;

import java.util.ArrayList;
import java.util.List;

/**
 * Event streams as a client reads them (html.spec.whatwg.org, server-sent events), for tests: the
 * plainest form, on a stream that is whole. Stateless.
 */
public final class SseText {
  private SseText() {}

  /**
   * A frame that was dispatched; {@code id} is the last one seen, which may be of a frame before.
   */
  public record Frame(String id, String event, String data) {}

  /** The frames of a whole stream; one that its end cuts short is dropped, as browsers do. */
  public static List<Frame> parse(String stream) {
    List<Frame> frames = new ArrayList<>();
    String id = "";
    String event = "";
    StringBuilder data = null;
    List<String> lines = List.of(stream.split("\r\n|\r|\n", -1));
    // What stands behind the last line end is a line that has not ended.
    for (String line : lines.subList(0, lines.size() - 1)) {
      int colon = line.indexOf(':');
      String field = colon < 0 ? line : line.substring(0, colon);
      String value = colon < 0 ? "" : line.substring(colon + 1).replaceFirst("^ ", "");
      if (line.isEmpty()) {
        if (data != null) {
          frames.add(new Frame(id, event, data.toString()));
        }
        data = null;
        event = "";
      } else if (field.equals("id")) {
        id = value;
      } else if (field.equals("event")) {
        event = value;
      } else if (field.equals("data")) {
        data = data == null ? new StringBuilder(value) : data.append('\n').append(value);
      }
    }
    return frames;
  }

  /** The id that a client would reconnect with. */
  static String lastId(String stream) {
    String id = "";
    for (String line : stream.split("\r\n|\r|\n", -1)) {
      if (line.startsWith("id: ")) {
        id = line.substring(4);
      }
    }
    return id;
  }
}
