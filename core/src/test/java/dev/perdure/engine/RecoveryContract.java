package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.IdempotencyKey;
import dev.perdure.chat.Message;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Starter;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.log.FaultyDatabase;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import dev.perdure.protocol.TurnState;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** What becomes of turns whose holder dies, drains or lingers, on whatever database. */
abstract class RecoveryContract extends EngineFixture {
  @Test
  void a_turn_accepted_without_a_worker_is_answered_by_the_next_one() {
    script("a", REPLY);
    Turn turn = node.submit(node.session(), "Hi", "script/a");
    node.engine.start();
    node.awaitEnd(turn.id());
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.COMPLETED);
    assertThat(text(turn, 0)).isEqualTo("Hello");
  }

  @Test
  void a_start_that_comes_after_the_turn_was_claimed_anew_is_dropped() throws Exception {
    EngineConfig d = EngineHarness.config(Duration.ofMinutes(5));
    node.close();
    node =
        new EngineHarness(
            database,
            provider,
            new EngineConfig(
                d.lease(),
                d.beat(),
                d.poll(),
                d.claimBatch(),
                2,
                d.maxCrashes(),
                d.turnTimeLimit(),
                d.retry(),
                d.callLimits(),
                d.logRetention(),
                d.idempotencyRetention()));
    node.engine.start();
    script("a", HELD, HELD);
    // While the node looks for turns in the queue, it holds all places for a moment.
    List<Starter.Seat> taken = new ArrayList<>();
    eventually(() -> {
      node.engine.seat().ifPresent(taken::add);
      return !taken.isEmpty();
    });
    Starter.Seat seat = taken.getFirst();
    Turn turn = acceptedBy(seat.nodeId(), node.session(), Recovery.RESTART);
    // As the sweep does with one that nobody works on.
    database.write(tx ->
        tx.update("UPDATE turn SET state = 'queued', node_id = NULL WHERE id = ?", turn.id()));
    eventually(() -> provider.requests().size() == 1);
    seat.start(turn.id());
    provider.letGo();
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(log)
        .filteredOn(TurnStarted.class::isInstance)
        .extracting(event -> ((TurnStarted) event).epoch())
        .containsExactly(1L, 2L);
    assertThat(provider.requests()).hasSize(1);
    // Both places are free again.
    eventually(() -> node.engine.running() == 0);
    List<Starter.Seat> free = new ArrayList<>();
    eventually(() -> {
      node.engine.seat().ifPresent(free::add);
      return free.size() == 2;
    });
    free.forEach(Starter.Seat::giveBack);
  }

  @Test
  void a_turn_of_a_dead_node_is_taken_over_and_its_text_voided_only_by_a_better_one()
      throws Exception {
    Turn turn = acceptedByDeadNode(node.session(), Recovery.RESTART);
    script("a", REPLY);
    node.engine.start();
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(log)
        .filteredOn(TurnStarted.class::isInstance)
        .extracting(event -> ((TurnStarted) event).epoch())
        .containsExactly(1L, 2L);
    assertThat(text(turn, 0)).isEqualTo("Hello");
  }

  @Test
  void recovery_fail_keeps_the_text_and_says_why() throws Exception {
    script("a", HELD);
    node.engine.start();
    Turn turn =
        node.desk.submit(
            CALLER,
            node.session(),
            EngineHarness.message(
                "Hi", WhenBusy.ENQUEUE, List.of("script/a"), List.of(), Recovery.FAIL),
            null);
    node.await(turn.id(), EngineFixture::isDelta);
    node.stop(Duration.ZERO);
    node = new EngineHarness(database, provider);
    node.engine.start();
    node.awaitEnd(turn.id());
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.FAILED);
    assertThat(text(turn, 0)).isEqualTo("part");
    assertThat(Optional.ofNullable(node.turn(turn.id()).error()).orElseThrow().code())
        .isEqualTo("interrupted");
  }

  @Test
  void a_turn_that_kills_its_holders_is_given_up() {
    Turn turn = acceptedByDeadNode(node.session(), Recovery.RESTART);
    database.write(tx ->
        tx.update("UPDATE turn SET crashes = 3, node_id = 'node_gone' WHERE id = ?", turn.id()));
    node.engine.start();
    node.awaitEnd(turn.id());
    assertThat(Optional.ofNullable(node.turn(turn.id()).error()).orElseThrow().code())
        .isEqualTo("crash_loop");
    assertThat(provider.requests()).isEmpty();
  }

  @Test
  void a_turn_that_nobody_can_read_any_more_fails_and_frees_its_session() throws Exception {
    String session = node.session();
    Turn turn = acceptedByDeadNode(session, Recovery.RESTART);
    Turn next = node.submit(session, "still there?", "script/a");
    script("a", REPLY);
    database.write(tx -> {
      tx.update(
          "UPDATE log_block SET payload = ? WHERE turn_id = ?", new byte[] {'x', '\n'}, turn.id());
      return tx.update("UPDATE turn SET crashes = 3 WHERE id = ?", turn.id());
    });
    node.engine.start();
    node.awaitEnd(next.id());
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.FAILED);
    assertThat(node.turn(turn.id()).logExpired()).isTrue();
    assertThat(message(turn, turn.lanes().getFirst().message()).status())
        .isEqualTo(Message.Status.FAILED);
    assertThat(text(next, 0)).isEqualTo("Hello");
  }

  @Test
  void a_late_holder_is_refused_and_stops_its_call() throws Exception {
    script("a", HELD, REPLY);
    node.engine.start();
    Turn turn = node.submit(node.session(), "Hi", "script/a");
    node.await(turn.id(), EngineFixture::isDelta);
    // As a peer does that believes this node dead.
    database.write(tx ->
        tx.update("UPDATE turn SET state = 'queued', node_id = NULL WHERE id = ?", turn.id()));
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(text(turn, 0)).isEqualTo("Hello");
    assertThat(log).filteredOn(TurnEnded.class::isInstance).hasSize(1);
    assertThat(node.turn(turn.id()).epoch()).isEqualTo(2);
  }

  @Test
  void a_turn_that_takes_too_long_fails_with_the_text_it_has() throws Exception {
    node.close();
    node = new EngineHarness(database, provider, EngineHarness.config(Duration.ofSeconds(1)));
    script("a", "[{'hold':true},{'finish':'stop'}]");
    node.engine.start();
    Turn turn = node.submit(node.session(), "Hi", "script/a");
    node.awaitEnd(turn.id());
    assertThat(Optional.ofNullable(node.turn(turn.id()).error()).orElseThrow().code())
        .isEqualTo("turn_timeout");
  }

  @Test
  void deleting_a_session_stops_its_turn_and_leaves_no_row() throws Exception {
    script("a", HELD);
    node.engine.start();
    String session = node.session();
    Turn turn = node.submit(session, "Hi", "script/a");
    node.await(turn.id(), EngineFixture::isDelta);
    node.desk.deleteSession(CALLER, session);
    eventually(() -> node.engine.running() == 0);
    for (String table : List.of("session", "turn", "lane", "message", "log_block")) {
      assertThat(
              database.<Long>read(tx ->
                  tx.one("SELECT COUNT(*) FROM " + table, row -> row.getLong(1)).orElseThrow()))
          .as(table)
          .isZero();
    }
  }

  @Test
  void a_lane_waits_for_a_database_that_is_away_when_its_next_call_is_due() throws Exception {
    node.close();
    FaultyDatabase faulty = new FaultyDatabase(database);
    node = new EngineHarness(faulty, provider);
    script("a", "[{'text':'part'},{'hold':true},{'fail':'server'}]", REPLY);
    node.engine.start();
    Turn turn = node.submit(node.session(), "Hi", "script/a");
    node.await(turn.id(), EngineFixture::isDelta);
    faulty.mode(FaultyDatabase.Mode.AWAY);
    int before = faulty.failures();
    provider.letGo();
    eventually(() -> faulty.failures() > before + 20);
    faulty.mode(FaultyDatabase.Mode.WELL);
    node.awaitEnd(turn.id());
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.COMPLETED);
    assertThat(text(turn, 0)).isEqualTo("Hello");
  }

  @Test
  void an_endless_reply_is_stopped_and_what_came_before_is_kept() {
    String mega = "x".repeat(1024 * 1024);
    script("a", "[" + ("{'text':'" + mega + "'},").repeat(5) + "{'finish':'stop'}]");
    node.engine.start();
    Turn turn = node.submit(node.session(), "Hi", "script/a");
    node.awaitEnd(turn.id());
    assertThat(Optional.ofNullable(node.turn(turn.id()).error()).orElseThrow().code())
        .isEqualTo("too_large");
    assertThat(text(turn, 0)).hasSize(ModelStep.MAX_REPLY_CHARS);
  }

  @Test
  void retention_does_not_rest_before_it_has_caught_up() throws Exception {
    String session = node.session();
    database.write(tx -> {
      for (int i = 0; i < 450; i++) {
        tx.update(
            """
            INSERT INTO turn (id, session_id, tenant, owner, user_message, state, position, epoch,
                              request, created_at, ended_at)
            VALUES (?, ?, 'acme', 'ann', 'm', 'completed', ?, 1, '{}', 0, ?)\
            """,
            "turn_" + i,
            session,
            i,
            i);
      }
      return true;
    });
    node.engine.start();
    eventually(() ->
        database.<Long>read(tx ->
            tx.one("SELECT COUNT(*) FROM turn WHERE log_expired = 0", row -> row.getLong(1))
                .orElseThrow())
            == 0);
  }

  @Test
  void outages_and_lost_answers_lose_nothing_and_double_nothing() throws Exception {
    int turns = 30;
    node.close();
    FaultyDatabase faulty = new FaultyDatabase(database);
    node = new EngineHarness(faulty, provider);
    // No more failures than one lane bears.
    script("a", "[{'fail':'server'}]", "[{'fail':'server'}]", "[{'fail':'server'}]");
    for (int i = 0; i < 4 * turns; i++) {
      script("a", REPLY);
      script("b", REPLY);
    }
    node.engine.start();
    AtomicBoolean over = new AtomicBoolean();
    Thread chaos =
        Thread.ofVirtual()
            .start(() -> {
              Random random = new Random(7);
              while (!over.get()) {
                boolean away = random.nextBoolean();
                faulty.mode(away ? FaultyDatabase.Mode.AWAY : FaultyDatabase.Mode.ANSWER_LOST);
                LockSupport.parkNanos(random.nextLong(20_000_000));
                faulty.mode(FaultyDatabase.Mode.WELL);
                LockSupport.parkNanos(random.nextLong(20_000_000));
              }
              faulty.mode(FaultyDatabase.Mode.WELL);
            });
    String session = insist(() -> node.session());
    Set<String> accepted = new LinkedHashSet<>();
    for (int i = 0; i < turns; i++) {
      IdempotencyKey key = new IdempotencyKey("k" + i, "h");
      String home = i % 3 == 0 ? session : insist(() -> node.session());
      accepted.add(
          insist(() -> node.submit(home, "Hi", WhenBusy.ENQUEUE, key, "script/a", "script/b"))
              .id());
    }
    over.set(true);
    chaos.join();
    assertThat(accepted).hasSize(turns);
    for (String id : accepted) {
      List<TurnEvent> log = node.awaitEnd(id);
      assertThat(log).filteredOn(TurnEnded.class::isInstance).hasSize(1);
      Turn turn = node.turn(id);
      assertThat(turn.state()).isEqualTo(TurnState.COMPLETED);
      assertThat(List.of(text(turn, 0), text(turn, 1))).containsExactly("Hello", "Hello");
    }
    assertThat(
            database.<Long>read(
                tx -> tx.one("SELECT COUNT(*) FROM turn", row -> row.getLong(1)).orElseThrow()))
        .isEqualTo(turns);
    eventually(() -> node.engine.running() == 0);
  }

  private static <T> T insist(Supplier<T> work) {
    while (true) {
      try {
        return work.get();
      } catch (PerdureException e) {
        assertThat(e.code()).isEqualTo(ErrorCode.DATABASE_UNAVAILABLE);
      }
    }
  }
}
