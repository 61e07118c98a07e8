package dev.perdure.testing;

/**
 * The places where a crash would be cruel. Production code calls {@link #at} there; what happens is
 * injected, and nothing by default. Implementations are thread-safe.
 */
@FunctionalInterface
public interface FaultPoints {

  /** Does nothing, ever. */
  FaultPoints NONE = point -> {};

  enum Point {
    /** A message is committed, the 202 not yet sent. */
    ACCEPTED,
    /** A claim is written but not committed. */
    CLAIMING,
    /** A claim is committed, nobody works on it yet. */
    CLAIMED,
    /** Events are written but not committed. */
    APPENDING,
    /** Events are committed, no follower has seen them. */
    APPENDED,
    /** A summary of older messages is written, but not stored. */
    COMPACTING,
    /** A summary is stored, the reply that it was made for has not begun. */
    COMPACTED,
    /** A call of a tool is noted, the tool not yet started. */
    TOOL_INTENT,
    /** A tool has had its effect, its result is not stored. */
    TOOL_MADE,
    /** The result of a tool is stored, the log does not tell of it yet. */
    TOOL_STORED,
    /** A turn that waits is written so, but not committed. */
    PARKING,
    /** A turn that waits is let go. */
    PARKED,
    /** All lanes have ended, the final transaction has not begun. */
    ENDING,
    /** The final transaction is written but not committed. */
    ENDING_UNCOMMITTED,
    /** The final transaction is committed, no follower has seen it. */
    ENDED,
    /** A drain has stopped the lanes and not yet given the turns back. */
    DRAINING,
    /** A drain has given the turns back, the node's lease goes on and nobody was told. */
    HANDED_OVER,
    /** A migration of the schema has run but is not committed. */
    MIGRATING
  }

  /** Called when execution reaches the point; may never return. */
  void at(Point point);
}
