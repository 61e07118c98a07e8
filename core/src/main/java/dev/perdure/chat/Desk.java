package dev.perdure.chat;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where every request to change something is accepted: each method is one transaction, and what it
 * returns is already durable. A running generation is reached only through the rows written here.
 * Thread-safe.
 */
public final class Desk {

  /** Opens a session. */
  public Session createSession(Caller caller, @Nullable String title) {
    throw new UnsupportedOperationException();
  }

  /** Gives a session another title; null takes the title away. */
  public Session renameSession(Caller caller, String session, @Nullable String title) {
    throw new UnsupportedOperationException();
  }

  /**
   * Deletes a session with its messages, turns and logs. Open turns are cancelled first; their
   * writers are fenced off by the rows being gone.
   */
  public void deleteSession(Caller caller, String session) {
    throw new UnsupportedOperationException();
  }

  /**
   * Accepts a message: user message, turn, lanes with their pending assistant messages, the first
   * event of the log and the idempotency record commit together. Repeating a key with the same body
   * returns the turn accepted at first.
   *
   * @throws dev.perdure.protocol.PerdureException NOT_FOUND, UNKNOWN_MODEL, SESSION_BUSY,
   *     IDEMPOTENCY_CONFLICT, TOO_MANY_TURNS
   */
  public Turn submit(Caller caller, String session, NewTurn message, @Nullable IdempotencyKey key) {
    throw new UnsupportedOperationException();
  }

  /**
   * Records the intent to cancel a turn; one that is queued ends here and now. Cancelling a turn
   * that has ended changes nothing. Returns the turn as it stands after the transaction.
   */
  public Turn cancelTurn(Caller caller, String turn) {
    throw new UnsupportedOperationException();
  }

  /** Cancels every open turn of a session and returns them. */
  public List<Turn> cancelSession(Caller caller, String session) {
    throw new UnsupportedOperationException();
  }

  /** Records the intent to cancel one lane of an open turn. */
  public Turn cancelLane(Caller caller, String turn, int lane) {
    throw new UnsupportedOperationException();
  }

  /**
   * Asks for another reply in the place of a lane that has ended. While its turn is open the lane
   * itself starts anew; afterwards a new turn with that one lane answers the same user message.
   * Returns the turn in which the retry happens.
   *
   * @throws dev.perdure.protocol.PerdureException NOT_FOUND, CONFLICT if the lane has not ended,
   *     IDEMPOTENCY_CONFLICT, TOO_MANY_TURNS
   */
  public Turn retryLane(Caller caller, String turn, int lane, @Nullable IdempotencyKey key) {
    throw new UnsupportedOperationException();
  }
}
