package dev.perdure.protocol;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.perdure.protocol.TurnEvent.PartDelta;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Reads the line of a delta as {@link TurnEventCodec} writes it, without a JSON parser: nearly
 * every line of a log is one, and folding a long log reads them all. A line of any other form, or
 * whose text has an escape, is left to the parser. For one line, by one thread.
 */
final class DeltaLine {
  private static final byte[] SEQ = "{\"seq\":".getBytes(ISO_8859_1);
  private static final byte[] LANE = ",\"type\":\"part.delta\",\"lane\":".getBytes(ISO_8859_1);
  private static final byte[] ATTEMPT = ",\"attempt\":".getBytes(ISO_8859_1);
  private static final byte[] PART = ",\"part\":".getBytes(ISO_8859_1);
  private static final byte[] TEXT = ",\"text\":\"".getBytes(ISO_8859_1);

  /** Digits of a number that cannot overflow. */
  private static final int MAX_DIGITS = 18;

  private final byte[] bytes;
  private final int to;
  private int at;

  private DeltaLine(byte[] bytes, int from, int to) {
    this.bytes = bytes;
    this.at = from;
    this.to = to;
  }

  /** The event of the line; null if it is not of the form that is read here. */
  static TurnEventCodec.@Nullable Line read(byte[] bytes, int from, int to) {
    DeltaLine line = new DeltaLine(bytes, from, to);
    long seq = line.number(SEQ);
    long lane = line.number(LANE);
    long attempt = line.number(ATTEMPT);
    long part = line.number(PART);
    if (seq < 0 || !small(lane) || !small(attempt) || !small(part) || !line.skip(TEXT)) {
      return null;
    }
    int end = to - 2;
    if (end < line.at || bytes[end] != '"' || bytes[end + 1] != '}' || !line.plain(end)) {
      return null;
    }
    String text = new String(bytes, line.at, end - line.at, UTF_8);
    return new TurnEventCodec.Line(seq, new PartDelta((int) lane, (int) attempt, (int) part, text));
  }

  private static boolean small(long number) {
    return number >= 0 && number <= Integer.MAX_VALUE;
  }

  private boolean skip(byte[] expected) {
    int end = at + expected.length;
    if (end > to || !Arrays.equals(bytes, at, end, expected, 0, expected.length)) {
      return false;
    }
    at = end;
    return true;
  }

  /** The number behind the expected bytes, -1 if there is none. */
  private long number(byte[] before) {
    if (!skip(before)) {
      return -1;
    }
    int first = at;
    long value = 0;
    while (at < to && at - first < MAX_DIGITS && bytes[at] >= '0' && bytes[at] <= '9') {
      value = value * 10 + (bytes[at++] - '0');
    }
    return at == first ? -1 : value;
  }

  /** Whether the bytes up to the end need no unescaping. */
  private boolean plain(int end) {
    for (int i = at; i < end; i++) {
      if (bytes[i] == '\\' || bytes[i] == '"') {
        return false;
      }
    }
    return true;
  }
}
