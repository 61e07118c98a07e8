package dev.perdure.chat;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads of sessions, messages and turns, each scoped to its caller in the SQL. Thread-safe, without
 * state of its own.
 */
public final class Conversations {

  /**
   * A page of a listing.
   *
   * @param next where the next page begins; null on the last one
   */
  public record Page<T>(List<T> items, @Nullable String next) {
    public Page {
      items = List.copyOf(items);
    }
  }

  /** Sessions, most recently active first; {@code cursor} is a {@code next} or null. */
  public Page<Session> sessions(Caller caller, @Nullable String cursor, int limit) {
    throw new UnsupportedOperationException();
  }

  /**
   * @throws dev.perdure.protocol.PerdureException NOT_FOUND
   */
  public Session session(Caller caller, String id) {
    throw new UnsupportedOperationException();
  }

  /**
   * Messages of a session, newest first.
   *
   * @param before only messages with a smaller position; null for the newest
   */
  public Page<Message> messages(Caller caller, String session, @Nullable Long before, int limit) {
    throw new UnsupportedOperationException();
  }

  /**
   * @throws dev.perdure.protocol.PerdureException NOT_FOUND
   */
  public Turn turn(Caller caller, String id) {
    throw new UnsupportedOperationException();
  }

  /** The open turns of a caller, or of one of the caller's sessions, oldest first. */
  public List<Turn> openTurns(Caller caller, @Nullable String session, int limit) {
    throw new UnsupportedOperationException();
  }

  /** Turns that ended at or after a time by the database's clock, oldest end first. */
  public List<Turn> endedSince(
      Caller caller, @Nullable String session, long sinceMillis, int limit) {
    throw new UnsupportedOperationException();
  }

  /** The database's clock, in milliseconds since 1970. */
  public long now() {
    throw new UnsupportedOperationException();
  }
}
