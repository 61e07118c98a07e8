package dev.perdure.engine;

import dev.perdure.db.Database;
import java.time.Duration;

/**
 * This node's row: one UPDATE a beat whatever the number of its turns, by the database's clock.
 * Thread-safe.
 *
 * <p>A lease that has lapsed is simply renewed. Whatever peers have taken over in the meantime is
 * theirs by epoch, and its old writers are refused one by one; the rest was never lost.
 */
final class NodeLease {
  private final Database database;
  private final String nodeId;
  private final Duration lease;

  NodeLease(Database database, String nodeId, Duration lease) {
    this.database = database;
    this.nodeId = nodeId;
    this.lease = lease;
  }

  /** Begins or renews the lease. */
  void beat(String version) {
    database.urgently(tx ->
        tx.update(
            """
            INSERT INTO node (id, version, started_at, lease_until)
            VALUES (?, ?, {now}, {now} + ?)
            ON CONFLICT (id) DO UPDATE SET lease_until = {now} + ?\
            """,
            nodeId,
            version,
            lease.toMillis(),
            lease.toMillis()));
  }

  /** Removes this node, and dead ones that nothing refers to any more. */
  void leave() {
    database.write(tx -> tx.update("DELETE FROM node WHERE id = ?", nodeId));
    forgetDead();
  }

  /** Removes the rows of dead nodes that hold no turn. */
  void forgetDead() {
    database.write(tx ->
        tx.update(
            """
            DELETE FROM node WHERE lease_until < {now} - ?
               AND NOT EXISTS (SELECT 1 FROM turn t
                                WHERE t.node_id = node.id AND t.state = 'running')\
            """,
            lease.toMillis()));
  }

  /** Where no other process can be alive, every row is of a dead one. */
  void forgetAllOthers() {
    database.write(tx -> tx.update("DELETE FROM node WHERE id <> ?", nodeId));
  }
}
