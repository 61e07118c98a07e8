package dev.perdure.log;

import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.protocol.TurnFold.TurnSnapshot;
import dev.perdure.protocol.TurnState;
import java.sql.SQLException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The write side of one turn's log, shared by the turn's lanes. Thread-safe. Every method throws
 * {@link FencedException} once another node holds the turn.
 */
public interface TurnWriter extends AutoCloseable {

  /**
   * Gives the event its sequence number, encodes it once and queues it for the next group commit.
   * Blocks only while this turn has too much waiting for the database.
   */
  long append(TurnEvent event);

  /**
   * The same for an event that rows must agree with: the event and the rows commit together or not
   * at all, and never twice. It commits with what other turns have appended, so it should be quick.
   */
  long append(TurnEvent event, Rows rows);

  /** Blocks until everything appended before is durable. */
  void awaitDurable();

  /** What a lane has come to, everything appended included. */
  LaneSnapshot lane(int lane);

  /** What the turn has come to, everything appended included. */
  TurnSnapshot snapshot();

  /**
   * The final transaction: everything appended before, {@code last}, then {@code turn.ended} with
   * the digest, and the work, commit together or not at all. Followers are woken after the commit.
   * No append may follow. The work must change the turn's row guarded by its epoch and return false
   * if that did not match; then all is rolled back and this throws {@link FencedException}.
   *
   * @param work given the turn's final snapshot
   */
  void end(List<TurnEvent> last, TurnState state, @Nullable TurnError error, FinalWork work);

  /**
   * Lets a turn go that waits for others: everything appended before, {@code last}, and the work,
   * commit together or not at all, by the same rules as {@link #end}; but the log stays open for
   * the next writer.
   */
  void park(TurnEvent last, FinalWork work);

  /** Forgets the writer without ending the turn, as a drain does; what is durable stays. */
  @Override
  void close();

  /** What changes together with an event. */
  @FunctionalInterface
  interface Rows {
    /**
     * Changes the turn's lanes and messages; the log's own key has shown that the turn is held.
     *
     * @param then what the turn has come to with the event
     */
    void store(Tx tx, TurnSnapshot then) throws SQLException;
  }

  /** The engine's share of the final transaction. */
  @FunctionalInterface
  interface FinalWork {
    Database.Work<Boolean> with(TurnSnapshot end);
  }
}
