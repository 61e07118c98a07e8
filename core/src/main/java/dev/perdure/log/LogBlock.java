package dev.perdure.log;

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
  public int events() {
    return (int) (lastSeq - firstSeq + 1);
  }
}
