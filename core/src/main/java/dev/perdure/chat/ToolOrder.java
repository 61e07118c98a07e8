package dev.perdure.chat;

import dev.perdure.db.Tx;
import java.sql.SQLException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * In which order a turn's tools are wanted: column {@code tool_order} of its row, and what it is
 * made of. Whoever writes it holds the row locked. Stateless.
 */
public final class ToolOrder {
  private ToolOrder() {}

  /** The names, the most wanted first; null as long as nobody had to choose. */
  public static @Nullable List<String> stored(Tx tx, String turn) throws SQLException {
    return tx.one(
            "SELECT tool_order FROM turn WHERE id = ? AND tool_order IS NOT NULL",
            row -> row.getString(1),
            turn)
        .map(Rows::namesOrNull)
        .orElse(null);
  }

  public static void store(Tx tx, String turn, List<String> names) throws SQLException {
    tx.update("UPDATE turn SET tool_order = ? WHERE id = ?", Rows.json(names), turn);
  }

  /**
   * The tools that a session has used, the latest first.
   *
   * @param turns how many of its turns are looked at
   */
  public static List<String> used(Tx tx, String session, int turns, int limit) throws SQLException {
    return tx.list(
        """
        SELECT c.tool FROM tool_call c JOIN turn t ON t.id = c.turn_id
         WHERE t.session_id = ?
           AND t.position > (SELECT MAX(position) FROM turn WHERE session_id = ?) - ?
         GROUP BY c.tool ORDER BY MAX(c.created_at) DESC, c.tool LIMIT ?\
        """,
        row -> row.getString(1),
        session,
        session,
        turns,
        limit);
  }

  /** A message and what was said before it in its session, oldest first. */
  public static List<Message> upTo(Tx tx, String session, String message, int limit, long chars)
      throws SQLException {
    long position =
        tx.one("SELECT position FROM message WHERE id = ?", row -> row.getLong(1), message)
            .orElse(-1L);
    return Conversations.history(tx, session, position, limit, chars);
  }
}
