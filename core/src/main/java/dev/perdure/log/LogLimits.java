package dev.perdure.log;

/**
 * @param tailBytes how much of a live turn's log is kept in memory for its followers; a follower
 *     further back reads the database
 * @param writerBytes how much a turn may have waiting for the database before its writer blocks
 * @param readBytes about how much one read returns at the most
 */
public record LogLimits(int tailBytes, int writerBytes, int readBytes) {
  public static final LogLimits DEFAULT = new LogLimits(64 * 1024, 256 * 1024, 64 * 1024);
}
