package dev.perdure.bench;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Finds the {@code data} lines in the bytes of an event stream, however they were cut. For one
 * thread.
 */
final class EventLines {
  private static final byte[] DATA = "data: ".getBytes(StandardCharsets.US_ASCII);

  /** Takes the value of one line; the bytes are valid during the call only. */
  @FunctionalInterface
  interface Sink {
    void data(byte[] bytes, int from, int to, long nowMicros);
  }

  private final Sink sink;

  /** The beginning of a line whose end has not come. */
  private final ByteArrayOutputStream kept = new ByteArrayOutputStream(256);

  EventLines(Sink sink) {
    this.sink = sink;
  }

  void feed(byte[] bytes, int from, int to, long nowMicros) {
    int start = from;
    for (int at = from; at < to; at++) {
      if (bytes[at] == '\n') {
        if (kept.size() > 0) {
          kept.write(bytes, start, at - start);
          byte[] line = kept.toByteArray();
          kept.reset();
          line(line, 0, line.length, nowMicros);
        } else {
          line(bytes, start, at, nowMicros);
        }
        start = at + 1;
      }
    }
    kept.write(bytes, start, to - start);
  }

  private void line(byte[] bytes, int from, int to, long nowMicros) {
    if (to - from > DATA.length && Scan.startsWith(bytes, from, to, DATA)) {
      sink.data(bytes, from + DATA.length, to, nowMicros);
    }
  }
}
