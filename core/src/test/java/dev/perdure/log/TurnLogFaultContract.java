package dev.perdure.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.perdure.db.Database;
import dev.perdure.log.FaultyDatabase.Mode;
import dev.perdure.log.Follower.Batch;
import dev.perdure.log.Follower.Condition;
import dev.perdure.log.Follower.Status;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import dev.perdure.protocol.TurnEventCodec.Line;
import dev.perdure.protocol.TurnState;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the log promises when a holder is late, the database away or an answer lost. */
abstract class TurnLogFaultContract {
  private static final String NODE = "n1";
  private static final String OTHER = "n2";
  private static final LogLimits SMALL = new LogLimits(4_000, 2_000, 4_000);

  private FaultyDatabase faulty;
  private TurnLog log;
  private TurnLog other;

  abstract Database database();

  @BeforeEach
  void openLogs() {
    TurnRows.empty(database());
    faulty = new FaultyDatabase(database());
    log = new TurnLog(faulty, NODE, SMALL);
    other = new TurnLog(database(), OTHER, LogLimits.DEFAULT);
  }

  @AfterEach
  void closeLogs() {
    faulty.mode(Mode.WELL);
    log.close();
    other.close();
  }

  private String turn() {
    return TurnRows.queued(database(), other);
  }

  private long claim(String turn) {
    return TurnRows.claim(log, turn, NODE);
  }

  /** A turn that this node writes; what comes before its first words is stored. */
  private final class Begun {
    private final String turn = turn();
    private final long epoch = claim(turn);
    private final TurnWriter writer = Logs.begin(log, turn, epoch, () -> {});

    Begun() {
      writer.awaitDurable();
    }

    void complete() {
      Logs.complete(writer, turn, epoch, NODE);
    }
  }

  /** Changes a row of the turn, and can be seen to have done so more than once. */
  private static TurnWriter.Rows counting(String turn) {
    return (tx, then) -> tx.update("UPDATE turn SET crashes = crashes + 1 WHERE id = ?", turn);
  }

  private long counted(String turn) {
    return database()
        .<Long>read(tx ->
            tx.one("SELECT crashes FROM turn WHERE id = ?", row -> row.getLong(1), turn)
                .orElseThrow());
  }

  @Test
  void rows_that_go_with_an_event_are_stored_with_it_and_once_though_the_answer_was_lost()
      throws Exception {
    Begun begun = new Begun();
    faulty.mode(Mode.ANSWER_LOST);
    begun.writer.append(Logs.delta("once"), counting(begun.turn));
    Logs.until("two tries", () -> faulty.failures() >= 2);
    faulty.mode(Mode.WELL);
    begun.writer.awaitDurable();
    assertThat(counted(begun.turn)).isEqualTo(1);
    begun.writer.append(Logs.delta("with the end"), counting(begun.turn));
    begun.complete();
    assertThat(counted(begun.turn)).isEqualTo(2);
    assertThat(Logs.lines(Logs.stored(database(), begun.turn))).hasSize(7);
  }

  @Test
  void rows_of_a_late_writer_are_not_stored() throws Exception {
    String turn = turn();
    CountDownLatch lost = new CountDownLatch(1);
    TurnWriter late = Logs.begin(log, turn, claim(turn), lost::countDown);
    late.awaitDurable();
    TurnRows.claim(other, turn, OTHER);
    late.append(Logs.delta("late"), counting(turn));
    assertThat(lost.await(60, TimeUnit.SECONDS)).isTrue();
    assertThat(counted(turn)).isZero();
    late.close();
  }

  @Test
  void a_late_writer_is_refused_while_the_others_of_its_batch_commit() throws Exception {
    String taken = turn();
    String kept = turn();
    CountDownLatch lost = new CountDownLatch(1);
    TurnWriter late = Logs.begin(log, taken, claim(taken), lost::countDown);
    long keptEpoch = claim(kept);
    TurnWriter well = Logs.begin(log, kept, keptEpoch, () -> {});
    late.awaitDurable();
    long epoch = TurnRows.claim(other, taken, OTHER);
    // Both wait for the same transaction.
    faulty.mode(Mode.STUCK);
    well.append(Logs.delta("first"));
    Logs.until("the appender is stuck", () -> faulty.failures() > 0);
    late.append(Logs.delta("late"));
    well.append(Logs.delta("second"));
    faulty.mode(Mode.WELL);
    assertThat(lost.await(60, TimeUnit.SECONDS)).isTrue();
    assertThatThrownBy(() -> late.append(Logs.delta("later"))).isInstanceOf(FencedException.class);
    assertThatThrownBy(late::awaitDurable).isInstanceOf(FencedException.class);
    assertThatThrownBy(() -> Logs.complete(late, taken, epoch - 1, NODE))
        .isInstanceOf(FencedException.class);
    late.close();
    TurnWriter successor = other.openWriter(taken, epoch, () -> {});
    successor.append(Logs.delta("on time"));
    Logs.complete(successor, taken, epoch, OTHER);
    Logs.complete(well, kept, keptEpoch, NODE);
    assertThat(Logs.lines(Logs.stored(database(), kept))).hasSize(7);
    byte[] stored = Logs.stored(database(), taken);
    Logs.lines(stored);
    assertThat(new String(stored, java.nio.charset.StandardCharsets.UTF_8))
        .contains("on time")
        .doesNotContain("\"late");
  }

  @Test
  void a_late_writer_is_told_apart_from_its_successor_on_the_same_node() throws Exception {
    String turn = turn();
    CountDownLatch lost = new CountDownLatch(1);
    TurnWriter late = Logs.begin(log, turn, claim(turn), lost::countDown);
    late.awaitDurable();
    String busy = turn();
    TurnWriter first = Logs.begin(log, busy, claim(busy), () -> {});
    first.awaitDurable();
    long epoch = claim(turn);
    TurnWriter successor = log.openWriter(turn, epoch, () -> {});
    // Both wait for the same transaction.
    faulty.mode(Mode.STUCK);
    first.append(Logs.delta("busy"));
    Logs.until("the appender is stuck", () -> faulty.failures() > 0);
    late.append(Logs.delta("late"));
    successor.append(Logs.delta("on time"));
    faulty.mode(Mode.WELL);
    successor.awaitDurable();
    assertThat(lost.await(60, TimeUnit.SECONDS)).isTrue();
    assertThatThrownBy(late::awaitDurable).isInstanceOf(FencedException.class);
    late.close();
    Logs.complete(successor, turn, epoch, NODE);
    first.close();
    byte[] stored = Logs.stored(database(), turn);
    try (Follower follower = log.follow(turn, -1)) {
      assertThat(Logs.followToEnd(follower)).isEqualTo(stored);
    }
    assertThat(new String(stored, java.nio.charset.StandardCharsets.UTF_8))
        .contains("on time")
        .doesNotContain("\"late");
  }

  @Test
  void a_holder_that_gave_its_turn_back_writes_nothing_more() throws Exception {
    String turn = turn();
    CountDownLatch lost = new CountDownLatch(1);
    TurnWriter writer = Logs.begin(log, turn, claim(turn), lost::countDown);
    writer.awaitDurable();
    database()
        .write(
            tx -> tx.update("UPDATE turn SET state = 'queued', node_id = NULL WHERE id = ?", turn));
    writer.append(Logs.delta("late"));
    assertThat(lost.await(60, TimeUnit.SECONDS)).isTrue();
    assertThat(Logs.lines(Logs.stored(database(), turn))).hasSize(4);
    writer.close();
  }

  @Test
  void a_late_end_changes_nothing() throws Exception {
    String turn = turn();
    long late = claim(turn);
    TurnWriter writer = Logs.begin(log, turn, late, () -> {});
    writer.awaitDurable();
    TurnRows.claim(other, turn, OTHER);
    assertThatThrownBy(() -> Logs.complete(writer, turn, late, NODE))
        .isInstanceOf(FencedException.class);
    writer.close();
    List<Line> lines = Logs.lines(Logs.stored(database(), turn));
    assertThat(lines.getLast().event()).isInstanceOf(TurnStarted.class);
    assertThat(state(turn)).isEqualTo("running");
  }

  private String state(String turn) {
    return database()
        .<String>read(tx ->
            tx.one("SELECT state FROM turn WHERE id = ?", row -> row.getString(1), turn)
                .orElseThrow());
  }

  @Test
  void a_final_transaction_whose_work_throws_stores_nothing() throws Exception {
    Begun begun = new Begun();
    IllegalStateException thrown = new IllegalStateException("the engine's own");
    assertThatThrownBy(() ->
            begun.writer.end(
                List.of(),
                TurnState.COMPLETED,
                null,
                end ->
                    tx -> {
                      tx.update("UPDATE turn SET state = 'completed' WHERE id = ?", begun.turn);
                      throw thrown;
                    }))
        .isSameAs(thrown);
    assertThat(state(begun.turn)).isEqualTo("running");
    assertThat(Logs.lines(Logs.stored(database(), begun.turn))).hasSize(4);
    assertThatThrownBy(() -> begun.writer.append(Logs.delta("x")))
        .isInstanceOf(IllegalStateException.class);
    begun.complete();
    assertThat(state(begun.turn)).isEqualTo("completed");
    assertThat(Logs.lines(Logs.stored(database(), begun.turn))).hasSize(5);
  }

  @Test
  void an_end_whose_answer_was_lost_is_recognised_when_it_is_repeated() throws Exception {
    Begun begun = new Begun();
    faulty.mode(Mode.ANSWER_LOST);
    PerdureException e =
        catchThrowableOfType(
            PerdureException.class,
            () ->
                begun.writer.end(
                    List.of(),
                    TurnState.COMPLETED,
                    null,
                    TurnRows.ending(begun.turn, begun.epoch, NODE)));
    assertThat(e.code()).isEqualTo(ErrorCode.DATABASE_UNAVAILABLE);
    faulty.mode(Mode.WELL);
    begun.complete();
    List<Line> lines = Logs.lines(Logs.stored(database(), begun.turn));
    assertThat(lines.stream().filter(line -> line.event() instanceof TurnEnded)).hasSize(1);
    try (Follower follower = log.follow(begun.turn, -1)) {
      assertThat(Logs.followToEnd(follower)).isEqualTo(Logs.stored(database(), begun.turn));
    }
  }

  @Test
  void nothing_is_delivered_while_the_database_is_away_and_everything_afterwards()
      throws Exception {
    Begun begun = new Begun();
    try (Follower follower = log.follow(begun.turn, 3)) {
      assertThat(follower.next(Duration.ZERO).status()).isEqualTo(Status.IDLE);
      faulty.mode(Mode.AWAY);
      begun.writer.append(Logs.delta("during"));
      Logs.until("two tries", () -> faulty.failures() >= 2);
      assertThat(follower.next(Duration.ofMillis(20)).status()).isEqualTo(Status.IDLE);
      begun.writer.append(Logs.delta("the outage"));
      faulty.mode(Mode.WELL);
      begun.complete();
      byte[] seen = Logs.followToEnd(follower);
      String text = new String(seen, java.nio.charset.StandardCharsets.UTF_8);
      assertThat(text).contains("during").contains("the outage").contains("turn.ended");
    }
    Logs.lines(Logs.stored(database(), begun.turn));
  }

  @ParameterizedTest
  @EnumSource(
      value = Mode.class,
      names = {"AWAY", "STUCK"})
  void who_follows_is_told_that_events_wait_and_that_they_come_again(Mode sick) throws Exception {
    Begun begun = new Begun();
    try (Follower follower = log.follow(begun.turn, 3)) {
      assertThat(follower.next(Duration.ZERO).status()).isEqualTo(Status.IDLE);
      assertThat(follower.condition()).isEqualTo(Condition.WELL);
      faulty.mode(sick);
      begun.writer.append(Logs.delta("late"));
      assertThat(follower.next(Logs.GENEROUS).status()).isEqualTo(Status.IDLE);
      assertThat(follower.condition()).isEqualTo(Condition.DEGRADED);
      assertThat(follower.next(Duration.ofMillis(20)).status())
          .as("told once, it waits again")
          .isEqualTo(Status.IDLE);
      faulty.mode(Mode.WELL);
      Logs.until("news", () -> follower.condition() == Condition.WELL);
      assertThat(follower.next(Logs.GENEROUS).status()).isEqualTo(Status.DATA);
    }
    begun.writer.close();
  }

  @Test
  void who_follows_is_told_that_a_whole_reply_cannot_be_stored_yet() throws Exception {
    Begun begun = new Begun();
    try (Follower follower = log.follow(begun.turn, 3)) {
      assertThat(follower.condition()).isEqualTo(Condition.WELL);
      faulty.mode(Mode.AWAY);
      assertThatThrownBy(() ->
              begun.writer.end(
                  List.of(),
                  TurnState.COMPLETED,
                  null,
                  TurnRows.ending(begun.turn, begun.epoch, NODE)))
          .isInstanceOf(PerdureException.class);
      assertThat(follower.next(Logs.GENEROUS).status()).isEqualTo(Status.IDLE);
      assertThat(follower.condition()).isEqualTo(Condition.UNSAVED);
      faulty.mode(Mode.WELL);
      begun.complete();
      assertThat(Logs.followToEnd(follower)).isNotEmpty();
      Logs.until("all is well", () -> follower.condition() == Condition.WELL);
    }
  }

  @Test
  void a_writer_that_gives_up_its_end_leaves_no_outage_behind() throws Exception {
    Begun begun = new Begun();
    try (Follower follower = log.follow(begun.turn, 3)) {
      faulty.mode(Mode.AWAY);
      assertThatThrownBy(() ->
              begun.writer.end(
                  List.of(),
                  TurnState.COMPLETED,
                  null,
                  TurnRows.ending(begun.turn, begun.epoch, NODE)))
          .isInstanceOf(PerdureException.class);
      Logs.until("the outage", () -> follower.condition() != Condition.WELL);
      faulty.mode(Mode.WELL);
      begun.writer.close();
      Logs.until("all is well", () -> follower.condition() == Condition.WELL);
    }
  }

  @Test
  void an_append_whose_answer_was_lost_is_neither_doubled_nor_taken_for_a_fence() throws Exception {
    String turn = turn();
    long epoch = claim(turn);
    AtomicInteger lost = new AtomicInteger();
    TurnWriter writer = Logs.begin(log, turn, epoch, lost::incrementAndGet);
    writer.awaitDurable();
    faulty.mode(Mode.ANSWER_LOST);
    writer.append(Logs.delta("once"));
    Logs.until("two tries", () -> faulty.failures() >= 2);
    faulty.mode(Mode.WELL);
    writer.awaitDurable();
    Logs.complete(writer, turn, epoch, NODE);
    assertThat(lost).hasValue(0);
    assertThat(Logs.lines(Logs.stored(database(), turn))).hasSize(6);
  }

  @Test
  void a_follower_survives_an_outage_of_the_database() throws Exception {
    String turn = turn();
    long epoch = claim(turn);
    Logs.complete(Logs.begin(log, turn, epoch, () -> {}), turn, epoch, NODE);
    try (Follower follower = log.follow(turn, -1)) {
      faulty.mode(Mode.AWAY);
      assertThat(follower.next(Duration.ofMillis(20)).status()).isEqualTo(Status.IDLE);
      assertThat(faulty.failures()).isPositive();
      faulty.mode(Mode.WELL);
      assertThat(Logs.followToEnd(follower)).isEqualTo(Logs.stored(database(), turn));
    }
  }

  @Test
  void a_writer_with_too_much_on_its_way_waits_and_goes_on() throws Exception {
    Begun begun = new Begun();
    faulty.mode(Mode.STUCK);
    AtomicInteger appended = new AtomicInteger();
    Thread producer =
        Thread.ofVirtual()
            .start(() -> {
              for (int i = 0; i < 200; i++) {
                begun.writer.append(Logs.delta("x".repeat(100)));
                appended.incrementAndGet();
              }
            });
    Logs.until(
        "the writer waits",
        () -> appended.get() >= 5 && producer.getState() == Thread.State.WAITING);
    assertThat(appended).hasValueLessThan(SMALL.writerBytes() / 100);
    faulty.mode(Mode.WELL);
    producer.join();
    begun.complete();
    assertThat(Logs.lines(Logs.stored(database(), begun.turn))).hasSize(205);
  }

  @Test
  void closing_a_writer_frees_the_thread_that_waits_in_it() throws Exception {
    String turn = turn();
    TurnWriter writer = Logs.begin(log, turn, claim(turn), () -> {});
    writer.awaitDurable();
    faulty.mode(Mode.STUCK);
    writer.append(Logs.delta("x"));
    Thread waiting =
        Thread.ofVirtual()
            .start(() ->
                assertThatThrownBy(writer::awaitDurable).isInstanceOf(IllegalStateException.class));
    Logs.until("the thread waits", () -> waiting.getState() == Thread.State.WAITING);
    writer.close();
    assertThat(waiting.join(Logs.GENEROUS)).isTrue();
  }

  @Test
  void a_write_that_can_never_succeed_costs_its_turn_and_no_other() throws Exception {
    String turn = turn();
    TurnWriter writer = Logs.begin(log, turn, claim(turn), () -> {});
    writer.awaitDurable();
    faulty.mode(Mode.BROKEN);
    writer.append(Logs.delta("x"));
    PerdureException e = catchThrowableOfType(PerdureException.class, writer::awaitDurable);
    assertThat(e.code()).isEqualTo(ErrorCode.INTERNAL);
    writer.close();
    faulty.mode(Mode.WELL);
    String next = turn();
    long epoch = claim(next);
    Logs.complete(Logs.begin(log, next, epoch, () -> {}), next, epoch, NODE);
    assertThat(Logs.lines(Logs.stored(database(), next))).hasSize(5);
  }

  @Test
  void an_insert_at_a_taken_place_is_a_fork_and_the_transaction_lives_on() {
    String turn = turn();
    LogBlock block =
        database()
            .write(tx -> {
              assertThatThrownBy(() -> other.insert(tx, turn, 0, List.of(new TurnStarted(1, 0))))
                  .isInstanceOf(LogForkedException.class);
              long next = other.readAll(tx, turn).fold().seq() + 1;
              return other.insert(tx, turn, next, List.of(new TurnStarted(1, 0)));
            });
    assertThat(block.firstSeq()).isEqualTo(1);
    assertThat(Logs.lines(Logs.stored(database(), turn))).hasSize(2);
  }

  @Test
  void a_turn_of_another_node_is_followed_live() throws Exception {
    String turn = turn();
    try (Follower follower = log.follow(turn, -1)) {
      long epoch = TurnRows.claim(other, turn, OTHER);
      TurnWriter writer = Logs.begin(other, turn, epoch, () -> {});
      writer.awaitDurable();
      long position = -1;
      while (position < 3) {
        Batch batch = follower.next(Logs.GENEROUS);
        assertThat(batch.status()).isEqualTo(Status.DATA);
        position = follower.position();
      }
      for (int i = 0; i < 50; i++) {
        writer.append(Logs.delta("w" + i));
        writer.awaitDurable();
        while (follower.position() < 4 + i) {
          assertThat(follower.next(Logs.GENEROUS).status()).isEqualTo(Status.DATA);
        }
      }
      Logs.complete(writer, turn, epoch, OTHER);
      assertThat(new String(Logs.followToEnd(follower), java.nio.charset.StandardCharsets.UTF_8))
          .contains("turn.ended");
    }
  }

  @Test
  void followers_of_a_turn_that_has_moved_to_another_node_go_on() throws Exception {
    String turn = turn();
    TurnWriter before = Logs.begin(log, turn, claim(turn), () -> {});
    before.awaitDurable();
    try (Follower follower = log.follow(turn, -1)) {
      assertThat(follower.next(Logs.GENEROUS).status()).isEqualTo(Status.DATA);
      // The old holder keeps its writer and does not know yet.
      long epoch = TurnRows.claim(other, turn, OTHER);
      Logs.complete(other.openWriter(turn, epoch, () -> {}), turn, epoch, OTHER);
      Logs.followToEnd(follower);
      assertThat(follower.position())
          .isEqualTo(Logs.lines(Logs.stored(database(), turn)).size() - 1);
    }
    before.close();
  }
}
