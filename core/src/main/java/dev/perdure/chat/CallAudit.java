package dev.perdure.chat;

import dev.perdure.chat.Conversations.Page;
import dev.perdure.db.Database;
import dev.perdure.protocol.TurnError;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The effect ledger of all tenants, for whoever runs the server: what tools were called, what state
 * the calls are in and whose they are, but nothing of what was asked or answered. Newest first, by
 * the ids of calls, which sort by time. Times are milliseconds since 1970 by the database's clock.
 * Thread-safe, without state of its own.
 */
public final class CallAudit {
  /**
   * The rows that are looked at for one page. Only calls of a turn and those that need attention
   * are found by an index; for the rest a page may be short, or empty, and others follow.
   */
  static final int WINDOW = 10_000;

  private static final String COLUMNS =
      """
      COALESCE(c.id, k.call_id), COALESCE(c.turn_id, k.turn_id), t.session_id,
      COALESCE(t.tenant, k.tenant), COALESCE(t.owner, k.owner), COALESCE(c.tool, k.tool),
      COALESCE(c.created_at, k.created_at), COALESCE(c.updated_at, k.updated_at),
      c.lane, c.step, c.effect, c.input_hash, c.state, c.runs, c.replaces, c.error, c.expires_at,
      c.decided_at, k.state, k.tries, k.error, k.updated_at\
      """;

  private static final String CALLS =
      """
       FROM (SELECT id, turn_id, tool, created_at, updated_at, lane, step, effect, input_hash, state,
                    runs, replaces, error, expires_at, decided_at
               FROM tool_call%s ORDER BY id DESC LIMIT ?) c
       JOIN turn t ON t.id = c.turn_id
       LEFT JOIN compensation k ON k.call_id = c.id\
      """;

  /** What is to be undone outlives the session of its call, so that the call may be gone. */
  private static final String UNDOS =
      """
       FROM (SELECT call_id, turn_id, tenant, owner, tool, created_at, updated_at, state, tries, error
               FROM compensation%s ORDER BY call_id DESC LIMIT ?) k
       LEFT JOIN tool_call c ON c.id = k.call_id
       LEFT JOIN turn t ON t.id = k.turn_id\
      """;

  private final Database database;

  public CallAudit(Database database) {
    this.database = database;
  }

  /**
   * Which calls; null for any.
   *
   * @param undo the state of the undoing of their effect: {@code due}, {@code done}, {@code failed}
   */
  public record Filter(
      @Nullable CallState state,
      @Nullable String tool,
      @Nullable String tenant,
      @Nullable String owner,
      @Nullable String turn,
      @Nullable String undo) {
    public static final Filter ALL = new Filter(null, null, null, null, null, null);
  }

  /**
   * One call.
   *
   * @param session null if it was deleted
   * @param ledger null if it was deleted with its session; then {@code undo} is there
   * @param undo null if its effect is not to be undone
   */
  public record Entry(
      String call,
      String turn,
      @Nullable String session,
      Caller owner,
      String tool,
      @Nullable Ledger ledger,
      Compensations.@Nullable Undo undo,
      long createdAtMillis,
      long updatedAtMillis) {}

  /** What the ledger says of a call, as {@link ToolCallRow} has it, without any text. */
  public record Ledger(
      int lane,
      int step,
      String effect,
      String inputHash,
      CallState state,
      long runs,
      @Nullable String replaces,
      @Nullable TurnError error,
      @Nullable Long expiresAtMillis,
      @Nullable Long decidedAtMillis) {}

  /** A part of a statement, with its arguments. */
  record Query(String sql, List<@Nullable Object> args) {}

  /**
   * Calls, the newest first.
   *
   * @param before only those with a smaller id; null for the newest
   */
  public Page<Entry> page(Filter filter, @Nullable String before, int limit) {
    Query query = query(filter, before, limit + 1);
    Query end = endOfWindow(filter, before);
    return database.read(tx -> {
      List<Entry> rows = tx.list(query.sql, CallAudit::entry, query.args.toArray());
      return rows.size() > limit
          ? new Page<>(rows.subList(0, limit), rows.get(limit - 1).call())
          : new Page<>(
              rows, tx.one(end.sql, row -> row.getString(1), end.args.toArray()).orElse(null));
    });
  }

  /** The statement that reads a page. */
  static Query query(Filter filter, @Nullable String before, int limit) {
    Query window = window(filter, before);
    List<@Nullable Object> args = new ArrayList<>(window.args);
    args.add(WINDOW);
    List<String> wanted = new ArrayList<>();
    @Nullable CallState state = filter.state;
    equal(wanted, args, "c.state", state == null ? null : state.wire());
    equal(wanted, args, "COALESCE(c.tool, k.tool)", filter.tool);
    equal(wanted, args, "COALESCE(t.tenant, k.tenant)", filter.tenant);
    equal(wanted, args, "COALESCE(t.owner, k.owner)", filter.owner);
    equal(wanted, args, "k.state", filter.undo);
    args.add(limit);
    String sql =
        "SELECT "
            + COLUMNS
            + (filter.undo == null ? CALLS : UNDOS).formatted(window.sql)
            + where(wanted)
            + " ORDER BY 1 DESC LIMIT ?";
    return new Query(sql, args);
  }

  /** The statement that finds the last row that was looked at, if there may be more behind it. */
  private static Query endOfWindow(Filter filter, @Nullable String before) {
    Query window = window(filter, before);
    List<@Nullable Object> args = new ArrayList<>(window.args);
    args.add(WINDOW - 1);
    return filter.undo == null
        ? new Query(
            "SELECT id FROM tool_call" + window.sql + " ORDER BY id DESC LIMIT 1 OFFSET ?", args)
        : new Query(
            "SELECT call_id FROM compensation"
                + window.sql
                + " ORDER BY call_id DESC LIMIT 1 OFFSET ?",
            args);
  }

  private static Query window(Filter filter, @Nullable String before) {
    List<@Nullable Object> args = new ArrayList<>();
    List<String> wanted = new ArrayList<>();
    if (before != null) {
      wanted.add((filter.undo == null ? "id" : "call_id") + " < ?");
      args.add(before);
    }
    equal(wanted, args, "turn_id", filter.turn);
    if (filter.undo == null && filter.state == CallState.ATTENTION) {
      // Word for word as the index has it.
      wanted.add("state = 'attention'");
    }
    return new Query(where(wanted), args);
  }

  private static void equal(
      List<String> wanted, List<@Nullable Object> args, String column, @Nullable String value) {
    if (value != null) {
      wanted.add(column + " = ?");
      args.add(value);
    }
  }

  private static String where(List<String> wanted) {
    return wanted.isEmpty() ? "" : " WHERE " + String.join(" AND ", wanted);
  }

  private static Entry entry(ResultSet row) throws SQLException {
    return new Entry(
        row.getString(1),
        row.getString(2),
        row.getString(3),
        new Caller(row.getString(4), row.getString(5)),
        row.getString(6),
        row.getString(13) == null ? null : ledger(row),
        row.getString(19) == null ? null : undo(row),
        row.getLong(7),
        row.getLong(8));
  }

  private static Ledger ledger(ResultSet row) throws SQLException {
    return new Ledger(
        row.getInt(9),
        row.getInt(10),
        row.getString(11),
        row.getString(12),
        CallState.of(row.getString(13)),
        row.getLong(14),
        row.getString(15),
        Rows.errorOrNull(row.getString(16)),
        Rows.longOrNull(row, 17),
        Rows.longOrNull(row, 18));
  }

  private static Compensations.Undo undo(ResultSet row) throws SQLException {
    return new Compensations.Undo(
        row.getString(19),
        row.getLong(20),
        null,
        Rows.errorOrNull(row.getString(21)),
        row.getLong(22));
  }
}
