package dev.perdure.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;
import dev.perdure.protocol.TurnState;
import dev.perdure.testing.FaultPoints;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The look at the leases of others, which comes as often as the own one is renewed. The sweep,
 * which looks at them too, comes once in an hour here, so that what is noticed is so by the watch.
 * The clock by which a node judges itself is the test's.
 */
class PostgresWatchTest extends EngineFixture {
  private static final Duration LEASE = Duration.ofMillis(2_500);
  private static final Duration BEAT = Duration.ofMillis(20);

  /** Less than what lets a beat be overdue. */
  private static final long STEP_MILLIS = LEASE.toMillis() / 2;

  /** Longer than that. */
  private static final long GAP_MILLIS = 10_000;

  private static final Duration NEVER = Duration.ofHours(1);

  private final AtomicLong clock = new AtomicLong(1_700_000_000_000L);
  private Turn turn;

  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }

  /** A node beside one that holds a turn, has an hour's lease, and does nothing. */
  @BeforeEach
  void beginBesideAnother() {
    node.close();
    EngineConfig config = EngineConfigs.paced(EngineConfig.DEFAULT, LEASE, BEAT, NEVER);
    node =
        new EngineHarness(
            database, provider, config, () -> Instant.ofEpochMilli(clock.get()), Timers.system());
    script("a", REPLY);
    turn = acceptedByDeadNode(node.session(), Recovery.RESTART);
    database.write(tx ->
        tx.update(
            """
            INSERT INTO node (id, version, started_at, lease_until)
            VALUES ('node_dead', 'test', {now}, {now} + 3600000)\
            """));
  }

  private void endTheOthersLease() {
    database.write(
        tx -> tx.update("UPDATE node SET lease_until = {now} - 1 WHERE id = 'node_dead'"));
  }

  /** So much time has passed, and the lease was renewed since. */
  private void pass(long millis) throws InterruptedException {
    clock.addAndGet(millis);
    awaitBeats();
  }

  /** The second one has begun when the first one was noted; the watch has come as often. */
  private void awaitBeats() throws InterruptedException {
    for (int i = 0; i < 3; i++) {
      long before = leaseUntil();
      eventually(() -> leaseUntil() != before);
    }
  }

  private long leaseUntil() {
    return database.<Long>read(tx ->
        tx.one("SELECT lease_until FROM node WHERE id = ?", row -> row.getLong(1), node.nodeId)
            .orElse(0L));
  }

  private void passALease() throws InterruptedException {
    pass(STEP_MILLIS);
    pass(LEASE.toMillis() - STEP_MILLIS);
    pass(1);
  }

  private void assertLeftAlone() throws InterruptedException {
    awaitBeats();
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.RUNNING);
    assertThat(node.turn(turn.id()).epoch()).isEqualTo(1);
    assertThat(provider.requests()).isEmpty();
  }

  private void assertTakenOver() {
    node.awaitEnd(turn.id());
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.COMPLETED);
    assertThat(node.turn(turn.id()).epoch()).isEqualTo(2);
  }

  @Test
  void a_lease_that_is_over_is_noticed_without_the_sweep_and_one_that_is_not_is_left_alone()
      throws Exception {
    node.engine.start();
    awaitBeats();
    passALease();
    assertLeftAlone();
    endTheOthersLease();
    assertTakenOver();
  }

  @Test
  void a_node_judges_others_only_when_its_own_beats_were_well_for_the_length_of_a_lease()
      throws Exception {
    endTheOthersLease();
    node.engine.start();
    awaitBeats();
    assertLeftAlone();
    pass(STEP_MILLIS);
    pass(LEASE.toMillis() - STEP_MILLIS);
    assertLeftAlone();
    pass(1);
    assertTakenOver();
  }

  @Test
  void a_node_whose_beats_had_a_gap_begins_to_count_anew() throws Exception {
    node.engine.start();
    awaitBeats();
    passALease();
    pass(GAP_MILLIS);
    endTheOthersLease();
    assertLeftAlone();
    passALease();
    assertTakenOver();
  }

  @Test
  void a_node_that_drains_takes_nothing_over() throws Exception {
    node.engine.start();
    awaitBeats();
    passALease();
    node.engine.drain();
    endTheOthersLease();
    assertLeftAlone();
  }

  @Test
  void a_look_that_the_database_kept_waiting_for_longer_than_the_own_lease_finds_nobody_dead() {
    TurnQueue queue = new TurnQueue(database, node.log, "node_late", FaultPoints.NONE);
    database.write(tx ->
        tx.update(
            """
            INSERT INTO node (id, version, started_at, lease_until)
            VALUES ('node_late', 'test', {now}, {now} - 1)\
            """));
    endTheOthersLease();
    assertThat(queue.hasDead()).isFalse();
    assertThat(queue.requeueDead(10)).isEmpty();

    database.write(
        tx -> tx.update("UPDATE node SET lease_until = {now} + 3600000 WHERE id = 'node_late'"));

    assertThat(queue.hasDead()).isTrue();
    assertThat(queue.requeueDead(10)).containsExactly(turn.id());
  }
}
