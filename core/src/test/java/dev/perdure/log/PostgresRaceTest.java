package dev.perdure.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;
import dev.perdure.db.Tx;
import dev.perdure.log.LogStore.Fenced;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import dev.perdure.protocol.TurnEventCodec.Line;
import java.sql.SQLException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * A late holder's append against the claim of its successor, in two transactions that overlap in
 * every order: exactly one line of events results.
 *
 * <p>READ COMMITTED gives the append a snapshot in which the turn is still its own, so the
 * condition on the epoch alone would let it through. What stops it is the place in the log: the
 * late holder writes right behind what it has stored, the claim right behind what it has read.
 * Either these are the same place, and the unique key makes one wait for the other and then give
 * way, or the claim has read more than the late holder has stored, which then meets a place that is
 * taken.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PostgresRaceTest {
  private Database database;
  private TurnLog log;
  private LogStore late;
  private String turn;
  private CountDownLatch firstMayCommit;

  @BeforeAll
  void open() {
    database = ReadyDatabases.postgres();
    log = new TurnLog(database, "n2", LogLimits.DEFAULT);
    late = new LogStore(database, "n1");
  }

  @AfterAll
  void close() {
    log.close();
    database.close();
  }

  @BeforeEach
  void claimForTheFirstNode() {
    firstMayCommit = new CountDownLatch(1);
    turn = TurnRows.queued(database, log);
    TurnRows.claim(log, turn, "n1");
  }

  @AfterEach
  void letGo() {
    firstMayCommit.countDown();
  }

  /** What the late holder has on its way: two events behind the two that are stored. */
  private List<Fenced> onItsWay() {
    PendingLines lines = new PendingLines();
    lines.add(2, new Notice("late", "one", null), null);
    lines.add(3, new Notice("late", "two", null), null);
    return List.of(new Fenced(lines.take(turn), 1));
  }

  private long claim(Tx tx) throws SQLException {
    tx.update("UPDATE turn SET node_id = 'n2', epoch = epoch + 1 WHERE id = ?", turn);
    long next = log.readAll(tx, turn).fold().seq() + 1;
    log.insert(tx, turn, next, List.of(new TurnStarted(2, 0)));
    return next;
  }

  private static <T> CompletableFuture<T> start(Supplier<T> work) {
    return CompletableFuture.supplyAsync(work, task -> Thread.ofVirtual().start(task));
  }

  /** Does the work in a transaction that stays open until {@link #letGo}; returns once done. */
  private <T> CompletableFuture<T> holding(Database.Work<T> work) {
    CountDownLatch done = new CountDownLatch(1);
    CountDownLatch mayCommit = firstMayCommit;
    CompletableFuture<T> result =
        start(() ->
            database.<T>write(tx -> {
              T out = work.run(tx);
              done.countDown();
              await(mayCommit);
              return out;
            }));
    await(done);
    return result;
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Waits until the other transaction waits for the one that is held open. */
  private void untilOneWaits() throws InterruptedException {
    Logs.until(
        "one transaction waits for the other",
        () ->
            database.<Boolean>read(tx ->
                tx.one(
                        """
                        SELECT 1 FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
                         WHERE NOT l.granted AND a.datname = current_database()\
                        """,
                        row -> true)
                    .isPresent()));
  }

  private List<Line> lines() {
    return Logs.lines(Logs.stored(database, turn));
  }

  @Test
  void a_claim_waits_for_the_append_that_came_first_and_writes_behind_it() throws Exception {
    CompletableFuture<Set<String>> append = holding(tx -> late.append(tx, onItsWay()));
    CompletableFuture<Long> claim =
        start(() ->
            database.<Long>write(tx -> {
              LogForkedException fork =
                  catchThrowableOfType(LogForkedException.class, () -> claim(tx));
              assertThat(fork).hasMessageContaining(turn);
              // The transaction is alive, and sees by now what it has waited for.
              long next = log.readAll(tx, turn).fold().seq() + 1;
              log.insert(tx, turn, next, List.of(new TurnStarted(2, 0)));
              return next;
            }));
    untilOneWaits();
    letGo();
    assertThat(append.get()).containsExactly(turn);
    assertThat(claim.get()).isEqualTo(4);
    assertThat(lines()).hasSize(5);
    assertThat(lines().get(4).event()).isEqualTo(new TurnStarted(2, 0));
  }

  @Test
  void a_claim_takes_the_place_of_an_append_that_is_rolled_back() throws Exception {
    CountDownLatch appended = new CountDownLatch(1);
    IllegalStateException rollback = new IllegalStateException("the late holder's commit fails");
    CompletableFuture<Set<String>> append =
        start(() ->
            database.write(tx -> {
              late.append(tx, onItsWay());
              appended.countDown();
              await(firstMayCommit);
              throw rollback;
            }));
    await(appended);
    CompletableFuture<Long> claim = start(() -> database.<Long>write(this::claim));
    untilOneWaits();
    letGo();
    assertThat(catchThrowableOfType(Exception.class, append::get)).hasCause(rollback);
    assertThat(claim.get()).isEqualTo(2);
    assertThat(lines()).hasSize(3);
  }

  @Test
  void an_append_that_began_before_the_claim_was_committed_is_refused() throws Exception {
    CompletableFuture<Long> claim = holding(this::claim);
    // Its snapshot still shows the turn as its own.
    CompletableFuture<Set<String>> append =
        start(() -> database.write(tx -> late.append(tx, onItsWay())));
    untilOneWaits();
    letGo();
    assertThat(claim.get()).isEqualTo(2);
    assertThat(append.get()).isEmpty();
    assertThat(lines()).hasSize(3);
    assertThat(lines().get(2).event()).isEqualTo(new TurnStarted(2, 0));
  }

  @Test
  void an_append_after_the_claim_is_refused_at_once() {
    database.<Long>write(this::claim);
    assertThat(database.<Set<String>>write(tx -> late.append(tx, onItsWay()))).isEmpty();
    assertThat(lines()).hasSize(3);
  }

  @Test
  void an_append_that_is_stored_is_known_again_even_after_the_claim() {
    database.write(tx -> late.append(tx, onItsWay()));
    assertThat(database.<Long>write(this::claim)).isEqualTo(4);
    // The answer of the first commit was lost, so it is tried again.
    assertThat(database.<Set<String>>write(tx -> late.append(tx, onItsWay())))
        .containsExactly(turn);
    assertThat(lines()).hasSize(5);
  }
}
