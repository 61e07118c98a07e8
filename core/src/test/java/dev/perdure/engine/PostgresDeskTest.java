package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.Turn;
import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.protocol.TurnState;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Besides the contract: what happens between two transactions that meet, which SQLite has not. */
class PostgresDeskTest extends DeskContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }

  /** Waits until a transaction waits for a lock that another one holds. */
  private void awaitBlocked() {
    try {
      eventually(() ->
          database.<Boolean>read(tx ->
              tx.one(
                      """
                      SELECT 1 FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'\
                      """,
                      row -> true)
                  .isPresent()));
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void the_end_of_a_turn_waits_for_its_session_before_it_locks_the_turn() {
    script("a", HELD);
    node.engine.start();
    Turn turn = node.submit(node.session(), "Hi", "script/a");
    node.await(turn.id(), EngineFixture::isDelta);
    database.write(tx -> {
      tx.one("SELECT id FROM session WHERE id = ? {lock}", row -> true, turn.session());
      provider.letGo();
      awaitBlocked();
      // As the desk does next; fails if the end holds it already.
      return tx.one("SELECT id FROM turn WHERE id = ? FOR UPDATE NOWAIT", row -> true, turn.id());
    });
    node.awaitEnd(turn.id());
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.COMPLETED);
  }

  @Test
  void a_cancel_bears_that_a_late_writer_takes_its_place_in_the_log() throws Exception {
    Turn turn = node.submit(node.session(), "Hi", "script/a");
    CountDownLatch written = new CountDownLatch(1);
    try (ExecutorService pool = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Boolean> late =
          pool.submit(() ->
              database.<Boolean>write(tx -> {
                node.log.insert(tx, turn.id(), 1, List.of(new Notice("late", "A late word.", 0)));
                written.countDown();
                awaitBlocked();
                return true;
              }));
      written.await();
      assertThat(node.desk.cancelTurn(CALLER, turn.id()).state()).isEqualTo(TurnState.CANCELLED);
      assertThat(late.get()).isTrue();
    }
    assertThat(node.awaitEnd(turn.id())).hasSize(4);
  }
}
