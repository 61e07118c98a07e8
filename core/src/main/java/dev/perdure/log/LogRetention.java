package dev.perdure.log;

import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Deletes logs that are old enough, idempotency keys, and logs that no turn owns any more; a
 * bounded number at a time. Thread-safe, without state.
 */
final class LogRetention {
  private final Database database;

  /** Up to which turn the search for logs without one has come; empty at its start. */
  private final AtomicReference<String> searched = new AtomicReference<>("");

  LogRetention(Database database) {
    this.database = database;
  }

  /**
   * The turns that have a log, from one on, found by jumping along the key from turn to turn; and
   * whether there is still a turn to it.
   */
  private static final String TURNS_WITH_LOG =
      """
      WITH RECURSIVE found (id, number) AS (
        SELECT MIN(turn_id), 1 FROM log_block WHERE turn_id > ?
        UNION ALL
        SELECT (SELECT MIN(turn_id) FROM log_block WHERE turn_id > found.id), number + 1
          FROM found WHERE id IS NOT NULL AND number < ?)
      SELECT found.id, CASE WHEN turn.id IS NULL THEN 1 ELSE 0 END
        FROM found LEFT JOIN turn ON turn.id = found.id
       WHERE found.id IS NOT NULL
       ORDER BY found.id\
      """;

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
    dropOrphans(batch);
    return Math.max(logs, keys);
  }

  /**
   * Deletes what was on its way into the log of a turn while that was deleted with its session. The
   * search goes on where the last sweep has stopped, so that it costs little however much is
   * stored.
   */
  private void dropOrphans(int batch) {
    List<String> orphans = new ArrayList<>();
    List<String> seen =
        database.read(tx ->
            tx.list(
                TURNS_WITH_LOG,
                row -> {
                  if (row.getInt(2) == 1) {
                    orphans.add(row.getString(1));
                  }
                  return row.getString(1);
                },
                searched.get(),
                batch));
    searched.set(seen.size() < batch ? "" : seen.getLast());
    if (!orphans.isEmpty()) {
      List<@Nullable Object[]> rows = new ArrayList<>();
      orphans.forEach(turn -> rows.add(new Object[] {turn, turn}));
      database.write(tx ->
          tx.batch(
              """
              DELETE FROM log_block
               WHERE turn_id = ? AND NOT EXISTS (SELECT 1 FROM turn WHERE id = ?)\
              """,
              rows));
    }
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
