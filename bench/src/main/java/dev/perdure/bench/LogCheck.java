package dev.perdure.bench;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Checks one follower's stream: sequence numbers without gap or repetition, every chunk's delay,
 * and the text, to be compared with the stored message. For one thread.
 */
final class LogCheck implements EventLines.Sink {
  private static final byte[] SEQ = ascii("{\"seq\":");
  private static final byte[] DELTA = ascii(",\"type\":\"part.delta\"");
  private static final byte[] ATTEMPT = ascii(",\"type\":\"attempt.started\"");
  private static final byte[] ENDED = ascii(",\"type\":\"turn.ended\"");
  private static final byte[] ATTEMPT_NUMBER = ascii("\"attempt\":");
  private static final byte[] TEXT = ascii("\"text\":\"");
  private static final byte[] COMPLETED = ascii("\"state\":\"completed\"");

  private final Tally tally;
  private final Runnable firstChunk;

  /** JSON string content, still escaped; escapes are whole within an event. */
  private final ByteArrayOutputStream text = new ByteArrayOutputStream();

  private long lastSeq = -1;
  private long chunks;
  private boolean ended;
  private boolean completed;

  LogCheck(Tally tally, Runnable firstChunk) {
    this.tally = tally;
    this.firstChunk = firstChunk;
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  /** The sequence number of an event's line; -1 if it is none. */
  static long seq(byte[] bytes, int from, int to) {
    int digits = Scan.behind(bytes, from, to, SEQ);
    return digits < 0 ? -1 : Scan.number(bytes, digits, to);
  }

  @Override
  public void data(byte[] bytes, int from, int to, long nowMicros) {
    int digits = Scan.behind(bytes, from, to, SEQ);
    if (digits < 0) {
      return;
    }
    tally.events++;
    long seq = Scan.number(bytes, digits, to);
    if (seq <= lastSeq) {
      tally.duplicates++;
      return;
    }
    tally.gaps += seq - lastSeq - 1;
    lastSeq = seq;
    int type = digits;
    while (type < to && bytes[type] != ',') {
      type++;
    }
    if (Scan.startsWith(bytes, type, to, DELTA)) {
      delta(bytes, type + DELTA.length, to, nowMicros);
    } else if (Scan.startsWith(bytes, type, to, ATTEMPT)) {
      attempt(bytes, type + ATTEMPT.length, to);
    } else if (Scan.startsWith(bytes, type, to, ENDED)) {
      ended = true;
      completed = Scan.behind(bytes, type, to, COMPLETED) >= 0;
    }
  }

  private void delta(byte[] bytes, int from, int to, long nowMicros) {
    int start = Scan.behind(bytes, from, to, TEXT);
    if (start < 0) {
      return;
    }
    int end = to - 2; // The quote and the brace: "text" is the last member.
    text.write(bytes, start, end - start);
    Scan.stamps(
        bytes,
        start,
        end,
        sent -> {
          if (chunks++ == 0) {
            firstChunk.run();
          }
          tally.chunks++;
          tally.added.add(nowMicros - sent);
        });
  }

  /** A later attempt voids what was there. */
  private void attempt(byte[] bytes, int from, int to) {
    tally.attempts++;
    int digits = Scan.behind(bytes, from, to, ATTEMPT_NUMBER);
    if (digits >= 0 && Scan.number(bytes, digits, to) > 1) {
      text.reset();
      chunks = 0;
    }
  }

  /** The text as the inside of a JSON string. */
  String escapedText() {
    return text.toString(StandardCharsets.UTF_8);
  }

  long chunks() {
    return chunks;
  }

  long lastSeq() {
    return lastSeq;
  }

  boolean ended() {
    return ended;
  }

  boolean completed() {
    return completed;
  }
}
