package dev.perdure.log;

import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEventCodec;
import java.security.MessageDigest;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Encoded events that wait to become a block; consecutive, each ended by a line feed. Not
 * thread-safe.
 */
final class LineBuffer {
  private static final int FIRST_BYTES = 1_024;

  /** A buffer that has grown beyond this is given up after a burst. */
  private static final int KEPT_BYTES = 16 * 1_024;

  private byte[] bytes = new byte[FIRST_BYTES];
  private int length;
  private long firstSeq;
  private long lastSeq = -1;

  /** Encodes an event behind the others and feeds the digest with its line. */
  void add(long seq, TurnEvent event, @Nullable MessageDigest digest) {
    byte[] line = TurnEventCodec.encode(seq, event);
    int from = length;
    int to = from + line.length + 1;
    if (to > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(to, bytes.length * 2));
    }
    System.arraycopy(line, 0, bytes, from, line.length);
    bytes[to - 1] = '\n';
    if (digest != null) {
      digest.update(bytes, from, to - from);
    }
    if (from == 0) {
      firstSeq = seq;
    }
    lastSeq = seq;
    length = to;
  }

  int bytes() {
    return length;
  }

  boolean isEmpty() {
    return length == 0;
  }

  /** Everything gathered, as a block; the buffer is empty afterwards. */
  LogBlock take(String turn) {
    LogBlock block = new LogBlock(turn, firstSeq, lastSeq, Arrays.copyOf(bytes, length));
    length = 0;
    if (bytes.length > KEPT_BYTES) {
      bytes = new byte[FIRST_BYTES];
    }
    return block;
  }
}
