package dev.perdure.log;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Consecutive events of one turn as they are stored and sent: lines of JSON in UTF-8, each ended by
 * a line feed.
 *
 * <pre>
 *   {"seq":firstSeq,...}\n
 *   ...
 *   {"seq":lastSeq,...}\n
 * </pre>
 *
 * The array is shared, never written to after construction.
 */
@SuppressWarnings("ArrayRecordComponent") // Shared on purpose; blocks are never compared.
public record LogBlock(String turn, long firstSeq, long lastSeq, byte[] payload) {
  private static final byte[] TURN_ENDED =
      ",\"type\":\"turn.ended\",".getBytes(StandardCharsets.US_ASCII);

  public int events() {
    return (int) (lastSeq - firstSeq + 1);
  }

  /** Whether the last event is {@code turn.ended}, by the way that the codec writes its lines. */
  boolean endsTurn() {
    int line = payload.length - 1;
    while (line > 0 && payload[line - 1] != '\n') {
      line--;
    }
    int type = line + "{\"seq\":".length() + Long.toString(lastSeq).length();
    int end = type + TURN_ENDED.length;
    return end <= payload.length
        && Arrays.equals(payload, type, end, TURN_ENDED, 0, TURN_ENDED.length);
  }
}
