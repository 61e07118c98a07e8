package dev.perdure.chat;

import dev.perdure.chat.Message.Part;
import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Reads of sessions, messages and turns, each scoped to its caller in the SQL. Thread-safe, without
 * state of its own.
 */
public final class Conversations {
  /** How many sessions one search looks at. */
  private static final int SEARCHED_SESSIONS = 1_000;

  private final Database database;

  public Conversations(Database database) {
    this.database = database;
  }

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

  /**
   * Sessions, most recently active first.
   *
   * @param cursor the {@code next} of the page before, or null
   * @throws PerdureException INVALID_CURSOR
   */
  public Page<Session> sessions(Caller caller, @Nullable String cursor, int limit) {
    SessionCursor from = SessionCursor.of(cursor);
    return page(
        database.read(tx ->
            tx.list(
                "SELECT "
                    + Rows.SESSION_COLUMNS
                    + """
                     FROM session
                    WHERE tenant = ? AND owner = ?
                      AND (updated_at < ? OR (updated_at = ? AND id < ?))
                    ORDER BY updated_at DESC, id DESC LIMIT ?\
                    """,
                Rows::session,
                caller.tenant(),
                caller.owner(),
                from.updatedAt,
                from.updatedAt,
                from.id,
                limit + 1)),
        limit);
  }

  /**
   * Sessions in whose title, or in a message of whose user, the words stand, whatever their case,
   * in any script; most recently active first. Looks at the {@value #SEARCHED_SESSIONS} that come
   * first.
   *
   * @param cursor the {@code next} of the page before, or null
   * @throws PerdureException INVALID_CURSOR
   */
  public Page<Session> search(Caller caller, String words, @Nullable String cursor, int limit) {
    SessionCursor from = SessionCursor.of(cursor);
    String inTitle = "%" + literal(words) + "%";
    // Parts are stored as JSON.
    String quoted = Rows.json(words);
    String inParts = "%" + literal(quoted.substring(1, quoted.length() - 1)) + "%";
    return page(
        database.read(tx ->
            tx.list(
                "SELECT "
                    + Rows.SESSION_COLUMNS
                    + """
                     FROM (SELECT * FROM session
                            WHERE tenant = ? AND owner = ?
                              AND (updated_at < ? OR (updated_at = ? AND id < ?))
                            ORDER BY updated_at DESC, id DESC LIMIT ?) s
                    WHERE perdure_fold(s.title) LIKE perdure_fold(?) ESCAPE '!'
                       OR EXISTS (SELECT 1 FROM message m
                                   WHERE m.session_id = s.id AND m.role = 'user'
                                     AND perdure_fold(m.parts) LIKE perdure_fold(?) ESCAPE '!')
                    ORDER BY updated_at DESC, id DESC LIMIT ?\
                    """,
                Rows::session,
                caller.tenant(),
                caller.owner(),
                from.updatedAt,
                from.updatedAt,
                from.id,
                SEARCHED_SESSIONS,
                inTitle,
                inParts,
                limit + 1)),
        limit);
  }

  /** A text as LIKE finds it and nothing else. */
  private static String literal(String text) {
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_");
  }

  private static Page<Session> page(List<Session> rows, int limit) {
    if (rows.size() <= limit) {
      return new Page<>(rows, null);
    }
    Session last = rows.get(limit - 1);
    return new Page<>(
        rows.subList(0, limit), new SessionCursor(last.updatedAtMillis(), last.id()).text());
  }

  /**
   * One session.
   *
   * @throws PerdureException NOT_FOUND
   */
  public Session session(Caller caller, String id) {
    return database.read(tx -> session(tx, caller, id));
  }

  /** Like {@link #session(Caller, String)}, within a transaction. */
  public static Session session(Tx tx, Caller caller, String id) throws SQLException {
    return tx.one(
            "SELECT "
                + Rows.SESSION_COLUMNS
                + " FROM session WHERE id = ? AND tenant = ? AND owner = ?",
            Rows::session,
            id,
            caller.tenant(),
            caller.owner())
        .orElseThrow(() -> PerdureException.notFound("session", id));
  }

  /**
   * Messages of a session, newest first.
   *
   * @param before only messages with a smaller position; null for the newest
   * @throws PerdureException NOT_FOUND
   */
  public Page<Message> messages(Caller caller, String session, @Nullable Long before, int limit) {
    List<Message> rows =
        database.read(tx -> {
          session(tx, caller, session);
          return tx.list(
              "SELECT "
                  + Rows.MESSAGE_COLUMNS
                  + """
                   FROM message WHERE session_id = ? AND position < ?
                  ORDER BY position DESC LIMIT ?\
                  """,
              Rows::message,
              session,
              before == null ? Long.MAX_VALUE : before,
              limit + 1);
        });
    return rows.size() <= limit
        ? new Page<>(rows, null)
        : new Page<>(rows.subList(0, limit), Long.toString(rows.get(limit - 1).position()));
  }

  /**
   * One turn.
   *
   * @throws PerdureException NOT_FOUND
   */
  public Turn turn(Caller caller, String id) {
    return database.read(tx -> turn(tx, caller, id));
  }

  /** Like {@link #turn(Caller, String)}, within a transaction. */
  public static Turn turn(Tx tx, Caller caller, String id) throws SQLException {
    return Rows.turns(
            tx, "WHERE id = ? AND tenant = ? AND owner = ?", id, caller.tenant(), caller.owner())
        .stream()
        .findFirst()
        .orElseThrow(() -> PerdureException.notFound("turn", id));
  }

  /** The open turns of a caller, or of one of the caller's sessions, oldest first. */
  public List<Turn> openTurns(Caller caller, @Nullable String session, int limit) {
    String where = "WHERE tenant = ? AND owner = ? AND state IN ('queued', 'running', 'waiting')";
    return database.read(tx ->
        session == null
            ? Rows.turns(tx, where + " ORDER BY id LIMIT ?", caller.tenant(), caller.owner(), limit)
            : Rows.turns(
                tx,
                where + " AND session_id = ? ORDER BY position LIMIT ?",
                caller.tenant(),
                caller.owner(),
                session,
                limit));
  }

  /** How many turns of a caller are open. */
  public long openTurnCount(Caller caller) {
    return database.read(tx -> openTurnCount(tx, caller));
  }

  static long openTurnCount(Tx tx, Caller caller) throws SQLException {
    return tx.one(
            """
            SELECT COUNT(*) FROM turn
             WHERE tenant = ? AND owner = ? AND state IN ('queued', 'running', 'waiting')\
            """,
            row -> row.getLong(1),
            caller.tenant(),
            caller.owner())
        .orElse(0L);
  }

  /** Turns that ended at or after a time by the database's clock, oldest end first. */
  public List<Turn> endedSince(
      Caller caller, @Nullable String session, long sinceMillis, int limit) {
    String where = "WHERE tenant = ? AND owner = ? AND ended_at IS NOT NULL AND ended_at >= ?";
    return database.read(tx ->
        session == null
            ? Rows.turns(
                tx,
                where + " ORDER BY ended_at, id LIMIT ?",
                caller.tenant(),
                caller.owner(),
                sinceMillis,
                limit)
            : Rows.turns(
                tx,
                where + " AND session_id = ? ORDER BY ended_at, id LIMIT ?",
                caller.tenant(),
                caller.owner(),
                sinceMillis,
                session,
                limit));
  }

  /** The turn of an id that the server itself holds, whoever owns it; empty once it is deleted. */
  public static Optional<Turn> unscoped(Tx tx, String id) throws SQLException {
    return Rows.turns(tx, "WHERE id = ?", id).stream().findFirst();
  }

  /**
   * The newest messages of a session up to a position, oldest first; for building a model's
   * context, not for answering a caller. Stops at the first of the two limits.
   *
   * @param chars about how much text to read, in UTF-16 units; the newest message is read whatever
   *     its length
   */
  public static List<Message> history(Tx tx, String session, long upTo, int limit, long chars)
      throws SQLException {
    List<Message> newest = new ArrayList<>();
    long[] left = {chars};
    tx.scan(
        "SELECT "
            + Rows.MESSAGE_COLUMNS
            + " FROM message WHERE session_id = ? AND position <= ?"
            + " ORDER BY position DESC LIMIT ?",
        row -> {
          Message message = Rows.message(row);
          newest.add(message);
          for (Part part : message.parts()) {
            left[0] -= part.text().length();
          }
          return left[0] > 0;
        },
        session,
        upTo,
        limit);
    return newest.reversed();
  }

  /** Messages of a session between two positions, neither included, oldest first. */
  public static List<Message> after(Tx tx, String session, long after, long before, int limit)
      throws SQLException {
    return tx.list(
        "SELECT "
            + Rows.MESSAGE_COLUMNS
            + " FROM message WHERE session_id = ? AND position > ? AND position < ?"
            + " ORDER BY position LIMIT ?",
        Rows::message,
        session,
        after,
        before,
        limit);
  }

  /** The database's clock, in milliseconds since 1970. */
  public long now() {
    return database.read(Tx::now);
  }

  /** {@code updatedAt.id}: the last session of the page before. */
  private record SessionCursor(long updatedAt, String id) {
    static SessionCursor of(@Nullable String cursor) {
      return cursor == null ? new SessionCursor(Long.MAX_VALUE, "") : parse(cursor);
    }

    static SessionCursor parse(String text) {
      int dot = text.indexOf('.');
      try {
        return new SessionCursor(
            Long.parseLong(text.substring(0, Math.max(dot, 0))), text.substring(dot + 1));
      } catch (NumberFormatException e) {
        throw new PerdureException(
            ErrorCode.INVALID_CURSOR,
            "The cursor of the listing is not one that Perdure gave. Use 'next' of the page before,"
                + " or leave it out to start anew.",
            e);
      }
    }

    String text() {
      return updatedAt + "." + id;
    }
  }
}
