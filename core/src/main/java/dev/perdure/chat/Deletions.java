package dev.perdure.chat;

import dev.perdure.db.Tx;
import dev.perdure.log.TurnLog;
import java.sql.SQLException;
import java.util.List;

/** Sessions that go with all that hangs on them. Stateless. */
final class Deletions {
  private Deletions() {}

  /** Whether there is something in a session beside one turn and what came with its message. */
  private static final String MORE =
      """
      SELECT 1 FROM session s JOIN turn own ON own.session_id = s.id
       WHERE own.id = ? AND (
             s.title IS NOT NULL OR s.instructions IS NOT NULL OR s.metadata IS NOT NULL
          OR s.tools IS NOT NULL OR s.output IS NOT NULL OR s.tool_limits IS NOT NULL
          OR EXISTS (SELECT 1 FROM turn WHERE session_id = s.id AND id <> own.id)
          OR EXISTS (SELECT 1 FROM schedule WHERE session_id = s.id)
          OR EXISTS (SELECT 1 FROM document WHERE session_id = s.id)
          OR EXISTS (SELECT 1 FROM share WHERE session_id = s.id)
          OR EXISTS (SELECT 1 FROM message m
                      WHERE m.session_id = s.id AND m.turn_id <> own.id
                        AND m.position > (SELECT position FROM message
                                           WHERE id = own.user_message)))\
      """;

  /**
   * Deletes a session, and returns its turns. Replies that were not complete never will be: what
   * they have done is owed. The open turns are locked, so that none of them begins a call that
   * nobody has heard of.
   */
  static List<String> session(Tx tx, TurnLog log, Caller caller, String session)
      throws SQLException {
    Locks.lockSession(tx, caller, session);
    for (Locks.OpenTurn open : Locks.openTurns(tx, session)) {
      Compensations.oweUnfinished(tx, log, open.id());
    }
    List<String> gone =
        tx.list("SELECT id FROM turn WHERE session_id = ?", row -> row.getString(1), session);
    String ofSession = " WHERE turn_id IN (SELECT id FROM turn WHERE session_id = ?)";
    Replays.forget(tx, caller, session);
    tx.update("DELETE FROM log_block" + ofSession, session);
    tx.update("DELETE FROM tool_call" + ofSession, session);
    Compensations.forget(tx, session);
    tx.update("DELETE FROM lane" + ofSession, session);
    tx.update("DELETE FROM message WHERE session_id = ?", session);
    tx.update("DELETE FROM turn WHERE session_id = ?", session);
    tx.update("DELETE FROM session WHERE id = ?", session);
    return gone;
  }

  /** Deletes the session of a turn, unless there is more in it; returns its turns, or none. */
  static List<String> sessionOf(Tx tx, TurnLog log, Caller caller, String turn)
      throws SQLException {
    Locks.OpenTurn _ = Locks.lockTurn(tx, caller, turn);
    if (tx.one(MORE, row -> true, turn).isPresent()) {
      return List.of();
    }
    String session =
        tx.one("SELECT session_id FROM turn WHERE id = ?", row -> row.getString(1), turn)
            .orElseThrow();
    return session(tx, log, caller, session);
  }
}
