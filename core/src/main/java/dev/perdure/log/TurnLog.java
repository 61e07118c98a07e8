package dev.perdure.log;

import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.protocol.TurnEvent;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;

/**
 * The logs of all turns. One per node. Thread-safe.
 *
 * <p>Log before deliver: a follower sees an event only after the transaction that stored it.
 */
public final class TurnLog implements AutoCloseable {

  /**
   * @param nodeId the node whose lease fences the writers opened here
   */
  public TurnLog(Database database, String nodeId, LogLimits limits) {
    throw new UnsupportedOperationException();
  }

  /**
   * Writes events in the caller's transaction, from {@code firstSeq} on, for a turn whose row the
   * caller has just inserted or holds locked. Call {@link #published} with what this returns after
   * the commit.
   *
   * @throws LogForkedException if the log already has an event at {@code firstSeq}
   */
  public LogBlock insert(Tx tx, String turn, long firstSeq, List<TurnEvent> events)
      throws SQLException {
    throw new UnsupportedOperationException();
  }

  /** Reads, in the caller's transaction, all that a turn's log holds. */
  public LogContent readAll(Tx tx, String turn) throws SQLException {
    throw new UnsupportedOperationException();
  }

  /** Hands committed blocks to followers, here and on other nodes. */
  public void published(List<LogBlock> blocks) {
    throw new UnsupportedOperationException();
  }

  /**
   * Opens the write side of a turn for the holder of its epoch: reads what the log holds, so that
   * the writer's fold and digest continue it.
   *
   * @param lost called once, on a thread of the log, when a write is refused because the epoch or
   *     the lease has gone to another node
   */
  public TurnWriter openWriter(String turn, long epoch, Runnable lost) {
    throw new UnsupportedOperationException();
  }

  /**
   * A cursor behind event {@code after} (-1 for the start). Whether the caller may read the turn is
   * checked before.
   */
  public Follower follow(String turn, long after) {
    throw new UnsupportedOperationException();
  }

  /** Ends every follower's wait: they report {@link Follower.Status#CLOSED} from now on. */
  public void releaseFollowers() {
    throw new UnsupportedOperationException();
  }

  /**
   * Retention: deletes up to {@code batch} logs of turns that ended longer ago than {@code keep},
   * and idempotency keys older than {@code keysKeep}. Returns the number of logs deleted.
   */
  public int sweep(Duration keep, Duration keysKeep, int batch) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {
    throw new UnsupportedOperationException();
  }
}
