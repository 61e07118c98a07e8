package dev.perdure.chat;

import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent.ToolUndo;
import dev.perdure.protocol.TurnFold.CallSnapshot;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.protocol.TurnFold.TurnSnapshot;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The effects that are to be undone: table {@code compensation}. An effect stands if its call is
 * part of a reply that is complete. What does not stand, of a tool that can undo it, is owed from
 * the transaction that ends the turn; whoever claims it then repeats it under one key until it is
 * done. Thread-safe, without state.
 */
public final class Compensations {
  /** How long the holder of a turn that is deleted has to let go of the calls that it is making. */
  private static final long LETTING_GO_MILLIS = 5_000;

  private Compensations() {}

  /** What one row says to those who look at the ledger. */
  public record Undo(
      String state,
      long tries,
      @Nullable String result,
      @Nullable TurnError error,
      long updatedAtMillis) {}

  /**
   * One that was claimed.
   *
   * @param output of the call as JSON; null if what came of it is not known
   * @param tries this one included
   */
  public record Claimed(
      String call,
      String turn,
      Caller owner,
      String tool,
      String input,
      @Nullable String output,
      long tries) {}

  /** What a turn owes that ends like this, in the order of the calls. */
  public static List<ToolUndo> owed(Tx tx, TurnSnapshot end) throws SQLException {
    Set<String> standing = new HashSet<>();
    for (LaneSnapshot lane : end.lanes()) {
      if (lane.state() == LaneState.COMPLETED) {
        lane.calls().stream()
            .filter(Compensations::succeeded)
            .forEach(call -> standing.add(call.asked().call()));
      }
    }
    return tx
        .list(
            "SELECT id, lane, error FROM tool_call"
                + " WHERE turn_id = ? AND compensates = 1 AND runs > 0 ORDER BY created_at, id",
            row -> new Made(row.getString(1), row.getInt(2), Rows.errorOrNull(row.getString(3))),
            end.turn())
        .stream()
        .filter(made -> made.mayHaveEffect() && !standing.contains(made.call))
        .map(made -> new ToolUndo(made.lane, made.call))
        .toList();
  }

  private record Made(String call, int lane, @Nullable TurnError error) {
    /** A failure that is known to be one has had none. */
    boolean mayHaveEffect() {
      return error == null || error.retryable();
    }
  }

  private static boolean succeeded(CallSnapshot call) {
    return call.returned() != null && call.returned().error() == null;
  }

  /** Notes what is owed, in the transaction that ends the turn or deletes it. */
  public static void owe(Tx tx, List<ToolUndo> owed) throws SQLException {
    for (ToolUndo undo : owed) {
      tx.update(
          """
          INSERT INTO compensation (call_id, turn_id, tenant, owner, tool, input, output, state,
                                    due_at, created_at, updated_at)
          SELECT c.id, c.turn_id, t.tenant, t.owner, c.tool, c.input, c.output, 'due',
                 {now} + CASE c.state WHEN 'intent' THEN CAST(? AS BIGINT) ELSE 0 END,
                 {now}, {now}
            FROM tool_call c JOIN turn t ON t.id = c.turn_id
           WHERE c.id = ? AND c.input IS NOT NULL
          ON CONFLICT (call_id) DO NOTHING\
          """,
          LETTING_GO_MILLIS,
          undo.call());
    }
  }

  /** What a turn owes whose log cannot be read: whatever may have had an effect. */
  static void oweAll(Tx tx, String turn) throws SQLException {
    owe(
        tx,
        tx.list(
            "SELECT lane, id FROM tool_call WHERE turn_id = ? AND compensates = 1 AND runs > 0",
            row -> new ToolUndo(row.getInt(1), row.getString(2)),
            turn));
  }

  /** Notes what an open turn owes that is being deleted, whose row the caller holds locked. */
  static void oweUnfinished(Tx tx, TurnLog log, String turn) throws SQLException {
    boolean any =
        tx.one(
                "SELECT 1 FROM tool_call WHERE turn_id = ? AND compensates = 1 AND runs > 0 LIMIT 1",
                row -> true,
                turn)
            .isPresent();
    if (!any) {
      return;
    }
    List<ToolUndo> owed;
    try {
      owed = owed(tx, log.readAll(tx, turn).fold().snapshot());
    } catch (PerdureException e) {
      if (e.code() != ErrorCode.INTERNAL) {
        throw e;
      }
      // Nobody can say what its log says; that must not keep it from being deleted.
      oweAll(tx, turn);
      return;
    }
    owe(tx, owed);
  }

  /**
   * Takes due ones of a tool, for this long; who has not told by then what came of it counts as
   * dead.
   */
  public static List<Claimed> claim(Database database, String tool, long forMillis, int atMost) {
    boolean any =
        database.read(tx ->
            tx.one(
                    "SELECT 1 FROM compensation WHERE state = 'due' AND tool = ?"
                        + " AND due_at <= {now} LIMIT 1",
                    row -> true,
                    tool)
                .isPresent());
    return !any
        ? List.of()
        : database.write(tx ->
            tx.list(
                """
                WITH due AS MATERIALIZED (
                  SELECT call_id FROM compensation
                   WHERE state = 'due' AND tool = ? AND due_at <= {now}
                   ORDER BY due_at LIMIT ? {skip})
                UPDATE compensation SET tries = tries + 1, due_at = {now} + CAST(? AS BIGINT),
                       updated_at = {now}
                 WHERE state = 'due' AND call_id IN (SELECT call_id FROM due)
                RETURNING call_id, turn_id, tenant, owner, tool, input, output, tries\
                """,
                Compensations::claimed,
                tool,
                atMost,
                forMillis));
  }

  private static Claimed claimed(ResultSet row) throws SQLException {
    return new Claimed(
        row.getString(1),
        row.getString(2),
        new Caller(row.getString(3), row.getString(4)),
        row.getString(5),
        row.getString(6),
        row.getString(7),
        row.getLong(8));
  }

  /** It is undone; says nothing if somebody else has claimed it since. */
  public static void done(Database database, Claimed claimed, String result) {
    database.write(tx -> {
      tx.update(
          """
          UPDATE compensation SET state = 'done', result = ?, error = NULL, updated_at = {now}
           WHERE call_id = ? AND tries = ? AND state = 'due'\
          """,
          result,
          claimed.call,
          claimed.tries);
      return tx.update(
          """
          DELETE FROM compensation WHERE call_id = ? AND state = 'done'
             AND NOT EXISTS (SELECT 1 FROM turn t WHERE t.id = compensation.turn_id)\
          """,
          claimed.call);
    });
  }

  /**
   * Forgets what a session, which is being deleted, does not owe any more. The rest is forgotten
   * when it is undone; what could not be undone stays for the operators.
   */
  static void forget(Tx tx, String session) throws SQLException {
    tx.update(
        """
        DELETE FROM compensation WHERE state = 'done'
           AND turn_id IN (SELECT id FROM turn WHERE session_id = ?)\
        """,
        session);
  }

  /**
   * It did not succeed.
   *
   * @param againMillis until the next try; null if there is none
   */
  public static void failed(
      Database database, Claimed claimed, TurnError error, @Nullable Long againMillis) {
    database.write(tx ->
        tx.update(
            """
            UPDATE compensation SET state = ?, error = ?, due_at = {now} + CAST(? AS BIGINT),
                   updated_at = {now}
             WHERE call_id = ? AND tries = ? AND state = 'due'\
            """,
            againMillis == null ? "failed" : "due",
            Rows.json(error),
            againMillis == null ? Long.valueOf(0) : againMillis,
            claimed.call,
            claimed.tries));
  }

  /** What became of those of a turn, by call. */
  static Map<String, Undo> ofTurn(Tx tx, String turn) throws SQLException {
    Map<String, Undo> out = new HashMap<>();
    tx.list(
        "SELECT call_id, state, tries, result, error, updated_at FROM compensation"
            + " WHERE turn_id = ?",
        row ->
            out.put(
                row.getString(1),
                new Undo(
                    row.getString(2),
                    row.getLong(3),
                    row.getString(4),
                    Rows.errorOrNull(row.getString(5)),
                    row.getLong(6))),
        turn);
    return out;
  }
}
