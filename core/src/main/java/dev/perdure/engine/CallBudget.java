package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;

/**
 * How many model calls one lane may cost, whatever the reason of each: attempts, fallback models,
 * retries of the lane, takeovers, steps. Each layer has its own limit, but they multiply; this one
 * adds up. It is kept in the lane's row, so that it outlives every holder. Used by the lane's
 * thread.
 *
 * <p>The first call by the turn's first holder is counted without being written: it is the only one
 * that most turns make, and must not wait for a commit. All others are paid for before they are
 * made.
 */
final class CallBudget {
  /** Calls that are kept for the reply itself: its first, which is not written, and one more. */
  private static final int SPARED = 2;

  private final Database database;
  private final String turn;
  private final int lane;
  private final int most;
  private boolean firstIsFree;

  /**
   * @param most calls, the first included
   * @param firstIsFree whether the next call is the first by the turn's first holder
   */
  CallBudget(Database database, String turn, int lane, int most, boolean firstIsFree) {
    this.database = database;
    this.turn = turn;
    this.lane = lane;
    this.most = most;
    this.firstIsFree = firstIsFree;
  }

  /**
   * Takes one call out of the budget; returns true.
   *
   * @throws PerdureException CALL_LIMIT if there is none left
   */
  boolean take() {
    if (firstIsFree) {
      firstIsFree = false;
      return true;
    }
    if (!take(most - 1)) {
      throw new PerdureException(
          ErrorCode.CALL_LIMIT,
          "This reply has made all "
              + most
              + " model calls that it may (engine.retry.maxCalls), counting every attempt, fallback,"
              + " retry, takeover and step. Send the message again, or see why the calls fail.");
    }
    return true;
  }

  /** Takes one call for something that the reply can do without; false if too few are left. */
  boolean takeSpare() {
    return take(most - SPARED);
  }

  private boolean take(int below) {
    return database.write(tx ->
        tx.update(
            "UPDATE lane SET calls = calls + 1 WHERE turn_id = ? AND lane = ? AND calls < ?",
            turn,
            lane,
            below))
        > 0;
  }
}
