package dev.perdure.chat;

import dev.perdure.db.Tx;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnState;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;

/**
 * The rows that are locked before open turns are changed: the session's first, then the turn's.
 * Stateless.
 */
final class Locks {
  private Locks() {}

  record OpenTurn(String id, TurnState state, boolean closing) {}

  static void lockSession(Tx tx, Caller caller, String session) throws SQLException {
    sessionSettings(tx, caller, session);
  }

  /** Locks the session's row; returns what it says of its turns, and nothing else. */
  static Session.Settings sessionSettings(Tx tx, Caller caller, String session)
      throws SQLException {
    return tx.one(
            "SELECT tools, output, tool_limits FROM session"
                + " WHERE id = ? AND tenant = ? AND owner = ? {lock}",
            row ->
                new Session.Settings(
                    null,
                    null,
                    Map.of(),
                    Rows.namesOrNull(row.getString(1)),
                    Rows.outputOrNull(row.getString(2)),
                    Rows.toolLimits(row.getString(3))),
            session,
            caller.tenant(),
            caller.owner())
        .orElseThrow(() -> PerdureException.notFound("session", session));
  }

  /** Locks a turn, and its session before it. */
  static OpenTurn lockTurn(Tx tx, Caller caller, String turn) throws SQLException {
    tx.one(
        """
        SELECT id FROM session
         WHERE id = (SELECT session_id FROM turn WHERE id = ? AND tenant = ? AND owner = ?) {lock}\
        """,
        row -> true,
        turn,
        caller.tenant(),
        caller.owner());
    return tx.one(
            """
            SELECT id, state, closing FROM turn
             WHERE id = ? AND tenant = ? AND owner = ? {lock}\
            """,
            row ->
                new OpenTurn(row.getString(1), TurnState.of(row.getString(2)), row.getLong(3) != 0),
            turn,
            caller.tenant(),
            caller.owner())
        .orElseThrow(() -> PerdureException.notFound("turn", turn));
  }

  static List<OpenTurn> openTurns(Tx tx, String session) throws SQLException {
    return tx.list(
        """
        SELECT id, state, closing FROM turn
         WHERE session_id = ? AND state IN ('queued', 'running', 'waiting')
         ORDER BY position {lock}\
        """,
        row -> new OpenTurn(row.getString(1), TurnState.of(row.getString(2)), row.getLong(3) != 0),
        session);
  }

  /** Lets a turn that waits go on, as there is news for it. */
  static boolean wake(Tx tx, String turn) throws SQLException {
    return tx.update(
            "UPDATE turn SET state = 'queued', wake_at = NULL WHERE id = ? AND state = 'waiting'",
            turn)
        == 1;
  }
}
