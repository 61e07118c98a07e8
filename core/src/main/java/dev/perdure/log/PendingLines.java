package dev.perdure.log;

import dev.perdure.protocol.LineBuffer;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEventCodec;
import java.security.MessageDigest;
import org.jspecify.annotations.Nullable;

/**
 * Encoded events that wait to become a block; consecutive, each ended by a line feed. Not
 * thread-safe.
 */
final class PendingLines {
  private final LineBuffer lines = new LineBuffer();
  private long firstSeq;
  private long lastSeq = -1;

  /** Encodes an event behind the others and feeds the digest with its line. */
  void add(long seq, TurnEvent event, @Nullable MessageDigest digest) {
    int from = lines.length();
    if (from == 0) {
      firstSeq = seq;
    }
    TurnEventCodec.write(lines, seq, event);
    lines.raw('\n');
    if (digest != null) {
      digest.update(lines.array(), from, lines.length() - from);
    }
    lastSeq = seq;
  }

  int bytes() {
    return lines.length();
  }

  boolean isEmpty() {
    return lines.length() == 0;
  }

  /** Everything gathered, as a block; nothing is left afterwards. */
  LogBlock take(String turn) {
    return new LogBlock(turn, firstSeq, lastSeq, lines.take());
  }
}
