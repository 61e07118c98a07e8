package dev.perdure.log;

import java.time.Duration;
import java.util.List;

/**
 * A cursor over one turn's log. It costs its position and nothing else; being slow or dead costs
 * nobody anything. Used by one thread at a time, except {@link #wake()} and {@link #close()}.
 */
public interface Follower extends AutoCloseable {

  enum Status {
    /** There are blocks. */
    DATA,
    /** Nothing new within the wait, or {@link #wake()} was called. */
    IDLE,
    /** The last event delivered before was {@code turn.ended}. */
    ENDED,
    /** The node is draining or the follower was closed; the turn itself may go on. */
    CLOSED,
    /** The log was deleted by retention. */
    EXPIRED
  }

  /**
   * How the log is doing as far as this node can tell. Never an event: it is not stored, has no
   * sequence number, and is over when it is over.
   */
  enum Condition {
    WELL,
    /** This node waits for its database: events come late. */
    DEGRADED,
    /** The turn is over but for its final transaction, which waits for the database. */
    UNSAVED
  }

  /**
   * What a wait has brought; blocks are whole and in order, without gap or overlap, except that the
   * first one may begin before the cursor (then use {@link LogLines#after}).
   */
  record Batch(Status status, List<LogBlock> blocks) {}

  /** The sequence number of the last event handed out. */
  long position();

  /** Waits for events after the position, at most {@code atMost}, and moves behind them. */
  Batch next(Duration atMost) throws InterruptedException;

  /**
   * Steps back to behind an event: what follows it comes again. Until then the blocks are held
   * weakly; if they have been collected, they are read again.
   *
   * @param blocks of the last batch; none to have them read again
   */
  void back(long seq, List<LogBlock> blocks);

  /**
   * How the log is doing. Once this has been asked for, a change of it ends a wait as {@link
   * #wake()} does.
   */
  Condition condition();

  /** Makes a present or the next {@link #next} return without waiting. */
  void wake();

  @Override
  void close();
}
