package dev.perdure.log;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnEventCodec;
import dev.perdure.protocol.TurnFold;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * A whole log, read and folded. Used by one thread.
 *
 * @param fold the state up to the last event; its {@code seq()} is the last sequence number, -1 if
 *     the log is empty
 * @param digest SHA-256 fed with every stored byte
 */
public record LogContent(TurnFold fold, MessageDigest digest) {

  static LogContent empty() {
    try {
      return new LogContent(new TurnFold(), MessageDigest.getInstance("SHA-256"));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }

  /** Takes the next block, unless it has been moved and was seen in a row of the table. */
  void add(LogBlock block) {
    if (block.lastSeq() > fold.seq()) {
      digest.update(block.payload());
      LogLines.after(block, -1, this::add);
    }
  }

  private void add(long seq, byte[] bytes, int from, int to) {
    TurnEventCodec.Line line = TurnEventCodec.decode(bytes, from, to - from);
    if (line.seq() != seq || seq != fold.seq() + 1) {
      throw new PerdureException(
          ErrorCode.INTERNAL, "A log has a gap after event " + fold.seq() + "; it is damaged.");
    }
    try {
      fold.apply(seq, line.event());
    } catch (IllegalArgumentException | IllegalStateException e) {
      throw new PerdureException(
          ErrorCode.INTERNAL, "Event " + seq + " of a log makes no sense; it is damaged.", e);
    }
  }
}
