package dev.perdure.log;

import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Deletes logs that are old enough, and idempotency keys, a bounded number at a time. Thread-safe,
 * without state.
 */
final class LogRetention {
  private final Database database;

  LogRetention(Database database) {
    this.database = database;
  }

  /** Returns the larger of both numbers of deleted rows; below the batch nothing is left. */
  int sweep(Duration keep, Duration keysKeep, int batch) {
    int logs = database.write(tx -> expire(tx, keep, batch));
    int keys =
        database.write(tx ->
            tx.update(
                """
                DELETE FROM idempotency WHERE (tenant, owner, key) IN (
                  SELECT tenant, owner, key FROM idempotency
                   WHERE created_at < ? ORDER BY created_at LIMIT ?)\
                """,
                before(tx, keysKeep),
                batch));
    return Math.max(logs, keys);
  }

  /** A number, as the database's clock in a condition would keep it from using the index. */
  private static long before(Tx tx, Duration keep) throws SQLException {
    return tx.now() - keep.toMillis();
  }

  /** The row says that the log is gone in the same transaction in which it goes. */
  private static int expire(Tx tx, Duration keep, int batch) throws SQLException {
    List<@Nullable Object[]> rows = new ArrayList<>();
    List<String> turns =
        tx.list(
            """
            SELECT id FROM turn
             WHERE ended_at IS NOT NULL AND log_expired = 0 AND ended_at < ?
             ORDER BY ended_at LIMIT ? {skip}\
            """,
            row -> row.getString(1),
            before(tx, keep),
            batch);
    turns.forEach(turn -> rows.add(new Object[] {turn}));
    if (!rows.isEmpty()) {
      tx.batch("DELETE FROM log_block WHERE turn_id = ?", rows);
      tx.batch("UPDATE turn SET log_expired = 1 WHERE id = ?", rows);
    }
    return turns.size();
  }
}
