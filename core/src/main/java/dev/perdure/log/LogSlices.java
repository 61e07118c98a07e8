package dev.perdure.log;

import dev.perdure.log.Follower.Batch;
import java.util.List;

/**
 * Takes what a follower brings in slices, line by line, so that nobody holds a batch while a slice
 * is written to a slow reader. Remembers where in a block it has stopped. Used by one thread.
 */
public final class LogSlices {
  private final Follower follower;

  /** The block in which the last slice ended, by its first event. */
  private long block = LogStore.UNKNOWN;

  /** The event behind the last slice, and where its line begins in the block. */
  private long next;

  private int offset;

  public LogSlices(Follower follower) {
    this.follower = follower;
  }

  /** Takes one line: bytes {@code from} (inclusive) to {@code to} (exclusive), no line feed. */
  @FunctionalInterface
  public interface Taker {
    /**
     * @return whether to go on with the next line
     */
    boolean line(long seq, byte[] payload, int from, int to);
  }

  /**
   * Gives the lines above {@code after} until one is refused; the follower then stands behind the
   * last one that was taken.
   *
   * @param after where the follower stood before this batch
   */
  public void take(Batch batch, long after, Taker taker) {
    List<LogBlock> blocks = batch.blocks();
    for (LogBlock current : blocks) {
      byte[] bytes = current.payload();
      // A block that begins with the same event has the same bytes up to here.
      boolean resumed = current.firstSeq() == block && next == after + 1 && offset <= bytes.length;
      long seq = resumed ? next : current.firstSeq();
      int from = resumed ? offset : 0;
      for (int at = from; at < bytes.length; at++) {
        if (bytes[at] == '\n') {
          boolean more = seq <= after || taker.line(seq, bytes, from, at);
          from = at + 1;
          if (!more) {
            block = current.firstSeq();
            next = seq + 1;
            offset = from;
            if (seq < follower.position()) {
              follower.back(seq, blocks);
            }
            return;
          }
          seq++;
        }
      }
    }
  }
}
