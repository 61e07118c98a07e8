package dev.perdure.log;

/** Walks the lines of a block. */
public final class LogLines {
  private LogLines() {}

  /** Takes one line: bytes {@code from} (inclusive) to {@code to} (exclusive), no line feed. */
  @FunctionalInterface
  public interface Visitor {
    void line(long seq, byte[] payload, int from, int to);
  }

  /** Calls the visitor for each event of the block with a sequence number above {@code after}. */
  public static void after(LogBlock block, long after, Visitor visitor) {
    byte[] bytes = block.payload();
    long seq = block.firstSeq();
    int from = 0;
    for (int at = 0; at < bytes.length; at++) {
      if (bytes[at] == '\n') {
        if (seq > after) {
          visitor.line(seq, bytes, from, at);
        }
        seq++;
        from = at + 1;
      }
    }
  }
}
