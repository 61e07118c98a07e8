package dev.perdure.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;
import dev.perdure.testing.FaultPoints;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SqliteRecoveryTest extends RecoveryContract {
  @TempDir Path dir;

  @Override
  Database open() {
    return ReadyDatabases.sqlite(dir);
  }

  @Test
  void a_start_that_takes_longer_than_a_lease_still_takes_over_from_the_last_process() {
    Turn turn = acceptedByDeadNode(node.session(), Recovery.RESTART);
    TurnQueue queue = new TurnQueue(database, node.log, "node_slow", FaultPoints.NONE);
    database.write(tx ->
        tx.update(
            """
            INSERT INTO node (id, version, started_at, lease_until)
            VALUES ('node_slow', 'test', {now}, {now} - 1)\
            """));
    assertThat(queue.requeueDead(10)).containsExactly(turn.id());
  }
}
