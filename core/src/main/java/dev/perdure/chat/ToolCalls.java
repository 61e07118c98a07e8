package dev.perdure.chat;

import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.protocol.TurnError;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The effect ledger: table {@code tool_call}. Who changes a row holds the turn's row locked, so
 * that an answer, the holder of the turn and its end do not meet. Thread-safe, without state.
 */
public final class ToolCalls {
  private static final String COLUMNS =
      "id, lane, step, tool, effect, input_hash, state, runs, output, error, reason, input,"
          + " replaces, expires_at, decided_at, created_at, updated_at, {now}";

  private final Database database;

  public ToolCalls(Database database) {
    this.database = database;
  }

  /** The calls of a turn, in the order in which they were asked for. */
  public List<ToolCallRow> ofTurn(Caller caller, String turn) {
    return database.read(tx -> {
      Conversations.turn(tx, caller, turn);
      return tx.list(
          "SELECT " + COLUMNS + " FROM tool_call WHERE turn_id = ? ORDER BY created_at, id",
          ToolCalls::row,
          turn);
    });
  }

  /** What became of those calls of a turn whose effect is to be undone, by call. */
  public Map<String, Compensations.Undo> undosOf(Caller caller, String turn) {
    return database.read(tx -> {
      Conversations.turn(tx, caller, turn);
      return Compensations.ofTurn(tx, turn);
    });
  }

  /** The turn in which one of the caller's calls was made. */
  public Optional<String> turnOf(Caller caller, String id) {
    return database.read(tx ->
        tx.one(
            """
            SELECT c.turn_id FROM tool_call c JOIN turn t ON t.id = c.turn_id
             WHERE c.id = ? AND t.tenant = ? AND t.owner = ?\
            """,
            row -> row.getString(1),
            id,
            caller.tenant(),
            caller.owner()));
  }

  /** One call, whoever owns it. */
  public static Optional<ToolCallRow> find(Tx tx, String turn, String id) throws SQLException {
    return tx.one(
        "SELECT " + COLUMNS + " FROM tool_call WHERE id = ? AND turn_id = ?",
        ToolCalls::row,
        id,
        turn);
  }

  /**
   * A new row.
   *
   * @param lastsMillis for how long an answer is waited for; null for ever
   * @param undoable the arguments as compact JSON, if the tool can undo the call; null if not
   */
  public record NewCall(
      String id,
      String turn,
      int lane,
      int step,
      String tool,
      String effect,
      String inputHash,
      CallState state,
      @Nullable Long lastsMillis,
      @Nullable String undoable) {}

  /** Writes a new row and returns it. */
  public static ToolCallRow open(Tx tx, NewCall call) throws SQLException {
    tx.update(
        """
        INSERT INTO tool_call (id, turn_id, lane, step, tool, effect, input_hash, state, runs,
                               expires_at, input, compensates, created_at, updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, {now} + CAST(? AS BIGINT), ?, ?, {now}, {now})\
        """,
        call.id,
        call.turn,
        call.lane,
        call.step,
        call.tool,
        call.effect,
        call.inputHash,
        call.state.wire(),
        call.state == CallState.INTENT ? 1 : 0,
        call.lastsMillis,
        call.undoable,
        call.undoable == null ? 0 : 1);
    return find(tx, call.turn, call.id).orElseThrow();
  }

  /**
   * Puts an approved call with other arguments in the place of one that waits for an approval;
   * false if somebody else was quicker.
   *
   * @param id of the new call
   * @param input its arguments as compact JSON
   */
  static boolean supersede(Tx tx, ToolCallRow old, String id, String input, @Nullable String reason)
      throws SQLException {
    if (!decide(tx, old.id(), old.state(), CallState.SUPERSEDED, null, null, reason)) {
      return false;
    }
    tx.update(
        """
        INSERT INTO tool_call (id, turn_id, lane, step, tool, effect, input_hash, state, runs,
                               input, compensates, replaces, reason, decided_at, created_at,
                               updated_at)
        SELECT ?, turn_id, lane, step, tool, effect, ?, 'approved', 0, ?, compensates, id, ?,
               {now}, {now}, {now}
          FROM tool_call WHERE id = ?\
        """,
        id,
        hash(input),
        input,
        reason,
        old.id());
    return true;
  }

  /** The call that was put in the place of another one. */
  public static Optional<ToolCallRow> successor(Tx tx, String turn, String replaced)
      throws SQLException {
    return tx.one(
        "SELECT " + COLUMNS + " FROM tool_call WHERE turn_id = ? AND replaces = ?",
        ToolCalls::row,
        turn,
        replaced);
  }

  /** What an approval is bound to: the lower-case hex SHA-256 of the arguments. */
  public static String hash(String input) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      return HexFormat.of().formatHex(sha.digest(input.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }

  /**
   * Says what an answer to a call must fit.
   *
   * @param schema JSON Schema
   */
  public static void accepts(Tx tx, String id, String schema) throws SQLException {
    tx.update("UPDATE tool_call SET accepts = ? WHERE id = ?", schema, id);
  }

  /** What an answer must fit; empty for any. */
  static Optional<String> accepts(Tx tx, String id) throws SQLException {
    return tx.one(
            "SELECT accepts FROM tool_call WHERE id = ?",
            row -> Optional.ofNullable(row.getString(1)),
            id)
        .orElse(Optional.empty());
  }

  /**
   * When a turn that waits is to be looked at again: at the first end of what it waits for, or the
   * first reminder of a question; null for never.
   *
   * @param reminders how long after a question, ascending
   */
  public static @Nullable Long nextWake(Tx tx, String turn, List<Duration> reminders)
      throws SQLException {
    return tx
        .list(
            "SELECT state, expires_at, created_at, reminders FROM tool_call WHERE turn_id = ?"
                + " AND state IN ("
                + CallState.waiting()
                + ")",
            row -> {
              // What needs attention may have had to be approved in time before; that is over.
              boolean ends = !row.getString(1).equals(CallState.ATTENTION.wire());
              Long end = ends ? Rows.longOrNull(row, 2) : null;
              long at = end == null ? Long.MAX_VALUE : end;
              int given = row.getInt(4);
              boolean reminds = row.getString(1).equals(CallState.INPUT.wire());
              return reminds && given < reminders.size()
                  ? Math.min(at, row.getLong(3) + reminders.get(given).toMillis())
                  : at;
            },
            turn)
        .stream()
        .min(Long::compare)
        .filter(at -> at < Long.MAX_VALUE)
        .orElse(null);
  }

  /** A question of which the user is to be reminded now. */
  public record Reminder(String call, int lane) {}

  /** Counts the reminders of a turn's questions that are due, and returns one for each question. */
  public static List<Reminder> remind(Tx tx, String turn, List<Duration> reminders)
      throws SQLException {
    record Open(Reminder reminder, long age, int given) {}
    List<Reminder> out = new ArrayList<>();
    for (Open open :
        tx.list(
            "SELECT id, lane, {now} - created_at, reminders FROM tool_call WHERE turn_id = ?"
                + " AND state = 'input' ORDER BY created_at, id",
            row ->
                new Open(
                    new Reminder(row.getString(1), row.getInt(2)), row.getLong(3), row.getInt(4)),
            turn)) {
      long due = reminders.stream().filter(after -> after.toMillis() <= open.age).count();
      if (due > open.given) {
        tx.update("UPDATE tool_call SET reminders = ? WHERE id = ?", due, open.reminder.call);
        out.add(open.reminder);
      }
    }
    return out;
  }

  /** Moves a row on; false if it is not in the state {@code from} any more. */
  public static boolean move(Tx tx, String id, CallState from, CallState to) throws SQLException {
    from.to(to);
    return tx.update(
            """
            UPDATE tool_call SET state = ?, runs = runs + ?, updated_at = {now}
             WHERE id = ? AND state = ?\
            """,
            to.wire(),
            to == CallState.INTENT ? 1 : 0,
            id,
            from.wire())
        == 1;
  }

  /** Moves a row to its end; false if it is not in the state {@code from} any more. */
  public static boolean finish(
      Tx tx, String id, CallState from, @Nullable String output, @Nullable TurnError error)
      throws SQLException {
    CallState to = from.to(error == null ? CallState.DONE : CallState.FAILED);
    return tx.update(
            """
            UPDATE tool_call SET state = ?, output = ?, error = ?, updated_at = {now}
             WHERE id = ? AND state = ?\
            """,
            to.wire(),
            output,
            Rows.jsonOrNull(error),
            id,
            from.wire())
        == 1;
  }

  /** Notes somebody's word; false if somebody else was quicker. */
  static boolean decide(
      Tx tx,
      String id,
      CallState from,
      CallState to,
      @Nullable String output,
      @Nullable TurnError error,
      @Nullable String reason)
      throws SQLException {
    from.to(to);
    return tx.update(
            """
            UPDATE tool_call SET state = ?, output = ?, error = ?, reason = ?, decided_at = {now},
                   updated_at = {now}
             WHERE id = ? AND state = ?\
            """,
            to.wire(),
            output,
            Rows.jsonOrNull(error),
            reason,
            id,
            from.wire())
        == 1;
  }

  /** Those of the calls that still wait, and whose time is not over. */
  public static List<String> waiting(Tx tx, Collection<String> ids) throws SQLException {
    if (ids.isEmpty()) {
      return List.of();
    }
    List<@Nullable Object> args = new ArrayList<>(ids);
    return tx.list(
        "SELECT id FROM tool_call WHERE id IN ("
            + Tx.placeholders(ids.size())
            + ") AND state IN ("
            + CallState.waiting()
            + ") AND (state = 'attention' OR expires_at IS NULL OR expires_at > {now})",
        row -> row.getString(1),
        args.toArray());
  }

  /** What a turn has left undone when it is given up will not be done. */
  static void abandon(Tx tx, String turn) throws SQLException {
    tx.update(
        "UPDATE tool_call SET state = 'abandoned', updated_at = {now}"
            + " WHERE turn_id = ? AND state IN ("
            + CallState.open()
            + ")",
        turn);
  }

  /** What a lane has left undone when it ends will not be done. */
  static void abandon(Tx tx, String turn, int lane) throws SQLException {
    tx.update(
        "UPDATE tool_call SET state = 'abandoned', updated_at = {now}"
            + " WHERE turn_id = ? AND lane = ? AND state IN ("
            + CallState.open()
            + ")",
        turn,
        lane);
  }

  private static ToolCallRow row(ResultSet row) throws SQLException {
    return new ToolCallRow(
        row.getString(1),
        row.getInt(2),
        row.getInt(3),
        row.getString(4),
        row.getString(5),
        row.getString(6),
        CallState.of(row.getString(7)),
        row.getLong(8),
        row.getString(9),
        Rows.errorOrNull(row.getString(10)),
        row.getString(11),
        row.getString(12),
        row.getString(13),
        Rows.longOrNull(row, 14),
        Rows.longOrNull(row, 15),
        row.getLong(16),
        row.getLong(17),
        row.getLong(18));
  }
}
