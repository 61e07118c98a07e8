package dev.perdure.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.perdure.db.Database;
import dev.perdure.log.Follower.Batch;
import dev.perdure.log.Follower.Status;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEventCodec.Line;
import dev.perdure.protocol.TurnState;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the log promises to writers and followers, on both databases. */
abstract class TurnLogContract {
  static final String NODE = "n1";

  private TurnLog log;

  abstract Database database();

  @BeforeEach
  void openLog() {
    TurnRows.empty(database());
    log = new TurnLog(database(), NODE, LogLimits.DEFAULT);
  }

  @AfterEach
  void closeLog() {
    log.close();
  }

  private String turn() {
    return TurnRows.queued(database(), log);
  }

  private long claim(String turn) {
    return TurnRows.claim(log, turn, NODE);
  }

  /** A turn that has ended, with that many deltas, each flushed by itself. */
  private String finished(int deltas) {
    String turn = turn();
    long epoch = claim(turn);
    TurnWriter writer = Logs.begin(log, turn, epoch, () -> {});
    for (int i = 0; i < deltas; i++) {
      writer.append(Logs.delta("word " + i + " "));
      writer.awaitDurable();
    }
    Logs.complete(writer, turn, epoch, NODE);
    return turn;
  }

  @Test
  void a_turn_is_written_followed_and_ended() throws Exception {
    String turn = turn();
    try (Follower follower = log.follow(turn, -1)) {
      long epoch = claim(turn);
      TurnWriter writer = Logs.begin(log, turn, epoch, () -> {});
      writer.append(Logs.delta("Hello "));
      assertThat(writer.append(Logs.delta("wörld"))).isEqualTo(5);
      assertThat(writer.lane(0).text()).isEqualTo("Hello wörld");
      Logs.complete(writer, turn, epoch, NODE);
      byte[] seen = Logs.followToEnd(follower);
      assertThat(seen).isEqualTo(Logs.stored(database(), turn));
      List<Line> lines = Logs.lines(seen);
      assertThat(lines).hasSize(7);
      assertThat(lines.getLast().event())
          .isInstanceOfSatisfying(
              TurnEnded.class, e -> assertThat(e.state()).isEqualTo(TurnState.COMPLETED));
      assertThat(follower.position()).isEqualTo(6);
      assertThat(follower.next(Duration.ZERO).status()).isEqualTo(Status.ENDED);
    }
  }

  @Test
  void sequence_numbers_are_dense_and_no_event_is_lost_or_doubled_under_many_writers()
      throws Exception {
    int turns = 20;
    int threads = 4;
    int events = 150;
    List<Callable<Boolean>> work = new ArrayList<>();
    List<String> ids = new ArrayList<>();
    List<Long> epochs = new ArrayList<>();
    List<TurnWriter> writers = new ArrayList<>();
    for (int t = 0; t < turns; t++) {
      String turn = turn();
      ids.add(turn);
      epochs.add(claim(turn));
      TurnWriter writer = Logs.begin(log, turn, epochs.getLast(), () -> {});
      writers.add(writer);
      for (int k = 0; k < threads; k++) {
        int lane = k;
        work.add(() -> {
          for (int i = 0; i < events; i++) {
            writer.append(Logs.delta(lane + "/" + i));
          }
          return true;
        });
      }
    }
    runAll(work);
    for (int t = 0; t < turns; t++) {
      Logs.complete(writers.get(t), ids.get(t), epochs.get(t), NODE);
      List<Line> lines = Logs.lines(Logs.stored(database(), ids.get(t)));
      List<String> texts =
          lines.stream()
              .map(Line::event)
              .filter(PartDelta.class::isInstance)
              .map(e -> ((PartDelta) e).text())
              .toList();
      assertThat(texts).hasSize(threads * events).doesNotHaveDuplicates();
      for (int k = 0; k < threads; k++) {
        String prefix = k + "/";
        assertThat(texts.stream().filter(text -> text.startsWith(prefix)).toList())
            .isSortedAccordingTo((a, b) -> Integer.compare(number(a), number(b)));
      }
    }
  }

  private static int number(String text) {
    return Integer.parseInt(text.substring(text.indexOf('/') + 1));
  }

  private static <T> List<T> runAll(List<Callable<T>> work) throws Exception {
    List<T> results = new ArrayList<>();
    try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<T> future : executor.invokeAll(work)) {
        results.add(future.get());
      }
    }
    return results;
  }

  @Test
  void followers_that_come_and_go_at_random_all_see_the_same_bytes() throws Exception {
    // A tail so small that followers often fall out of it.
    try (TurnLog small = new TurnLog(database(), NODE, new LogLimits(600, 4_000, 900))) {
      String turn = turn();
      long epoch = claim(turn);
      List<Callable<byte[]>> followers = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        long seed = i;
        followers.add(() -> followAtRandom(small, turn, new Random(seed)));
      }
      followers.add(() -> {
        Random random = new Random(99);
        TurnWriter writer = Logs.begin(small, turn, epoch, () -> {});
        for (int i = 0; i < 600; i++) {
          writer.append(Logs.delta("x".repeat(random.nextInt(40)) + "é" + i));
          if (random.nextInt(3) == 0) {
            writer.awaitDurable();
          }
        }
        Logs.complete(writer, turn, epoch, NODE);
        return new byte[0];
      });
      List<byte[]> seen = runAll(followers);
      byte[] stored = Logs.stored(database(), turn);
      Logs.lines(stored);
      for (byte[] bytes : seen.subList(0, 12)) {
        assertThat(bytes).isEqualTo(stored);
      }
    }
  }

  /** Reads a log to its end with a new follower now and then, waits short and long, and wakes. */
  private static byte[] followAtRandom(TurnLog log, String turn, Random random)
      throws InterruptedException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    long position = -1;
    while (true) {
      try (Follower follower = log.follow(turn, position)) {
        for (int steps = random.nextInt(20); steps >= 0; steps--) {
          if (random.nextInt(4) == 0) {
            follower.wake();
          }
          Batch batch = follower.next(Duration.ofMillis(random.nextInt(30)));
          if (batch.status() == Status.ENDED) {
            return out.toByteArray();
          }
          if (batch.status() == Status.DATA) {
            Logs.write(batch, position, out);
            position = follower.position();
          }
        }
      }
    }
  }

  @Test
  void resuming_at_every_offset_gives_exactly_the_later_events() throws Exception {
    String turn = finished(40);
    byte[] stored = Logs.stored(database(), turn);
    List<String> lines = new String(stored, StandardCharsets.UTF_8).lines().toList();
    for (int after = -1; after < lines.size(); after++) {
      try (Follower follower = log.follow(turn, after)) {
        assertThat(new String(Logs.followToEnd(follower), StandardCharsets.UTF_8).lines())
            .containsExactlyElementsOf(
                lines.subList(Math.min(after + 1, lines.size()), lines.size()));
      }
    }
  }

  @Test
  void a_log_taken_in_slices_is_whole_whether_or_not_its_blocks_are_still_there() throws Exception {
    String turn = turn();
    long epoch = claim(turn);
    TurnWriter writer = Logs.begin(log, turn, epoch, () -> {});
    for (int i = 0; i < 100; i++) {
      writer.append(Logs.delta("word " + i));
    }
    Logs.complete(writer, turn, epoch, NODE);
    byte[] stored = Logs.stored(database(), turn);
    for (int lines = 1; lines < 12; lines++) {
      try (Follower follower = log.follow(turn, -1)) {
        LogSlices slices = new LogSlices(follower);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Status status = Status.DATA;
        while (status == Status.DATA) {
          long before = follower.position();
          Batch batch = follower.next(Logs.GENEROUS);
          status = batch.status();
          int[] left = {lines};
          slices.take(
              batch,
              before,
              (seq, payload, from, to) -> {
                out.write(payload, from, to - from + 1);
                return --left[0] > 0;
              });
          if (follower.position() % 3 == 0) {
            // As if the collector had taken the blocks.
            follower.back(follower.position(), List.of());
          }
        }
        assertThat(status).isEqualTo(Status.ENDED);
        assertThat(out.toByteArray()).isEqualTo(stored);
      }
    }
  }

  @Test
  void a_cursor_beyond_the_end_of_an_ended_turn_is_told_that_it_has_ended() throws Exception {
    String turn = finished(1);
    try (Follower follower = log.follow(turn, 1_000)) {
      assertThat(follower.next(Logs.GENEROUS).status()).isEqualTo(Status.ENDED);
    }
  }

  @Test
  void a_cursor_beyond_the_end_of_a_live_turn_does_not_disturb_the_others() throws Exception {
    String turn = turn();
    long epoch = claim(turn);
    try (Follower ahead = log.follow(turn, 1_000);
        Follower follower = log.follow(turn, -1)) {
      assertThat(ahead.next(Duration.ofMillis(5)).status()).isEqualTo(Status.IDLE);
      TurnWriter writer = Logs.begin(log, turn, epoch, () -> {});
      Logs.complete(writer, turn, epoch, NODE);
      assertThat(Logs.followToEnd(follower)).isEqualTo(Logs.stored(database(), turn));
      assertThat(ahead.next(Logs.GENEROUS).status()).isEqualTo(Status.ENDED);
    }
  }

  @Test
  void a_burst_of_100_000_events_is_dense_and_its_digest_is_that_of_its_lines() throws Exception {
    String turn = turn();
    long epoch = claim(turn);
    try (Follower follower = log.follow(turn, -1)) {
      TurnWriter writer = Logs.begin(log, turn, epoch, () -> {});
      for (int i = 0; i < 100_000; i++) {
        writer.append(Logs.delta("w" + i));
      }
      Logs.complete(writer, turn, epoch, NODE);
      byte[] seen = Logs.followToEnd(follower);
      assertThat(seen).isEqualTo(Logs.stored(database(), turn));
      List<Line> lines = Logs.lines(seen);
      assertThat(lines).hasSize(100_005);
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      int lastLine = seen.length - 1;
      while (seen[lastLine - 1] != '\n') {
        lastLine--;
      }
      sha.update(seen, 0, lastLine);
      assertThat(((TurnEnded) lines.getLast().event()).digest())
          .isEqualTo(HexFormat.of().formatHex(sha.digest()));
    }
  }

  @Test
  void a_writer_opened_anew_continues_numbers_text_and_digest() throws Exception {
    String turn = turn();
    long first = claim(turn);
    TurnWriter before = Logs.begin(log, turn, first, () -> {});
    before.append(Logs.delta("one "));
    before.awaitDurable();
    before.close();
    long second = claim(turn);
    TurnWriter writer = log.openWriter(turn, second, () -> {});
    assertThat(writer.lane(0).text()).isEqualTo("one ");
    writer.append(Logs.delta("two"));
    assertThat(writer.snapshot().epoch()).isEqualTo(second);
    Logs.complete(writer, turn, second, NODE);
    byte[] stored = Logs.stored(database(), turn);
    Logs.lines(stored);
    LogContent content = database().read(tx -> log.readAll(tx, turn));
    assertThat(content.fold().laneSnapshot(0).text()).isEqualTo("one two");
    assertThat(content.digest().digest())
        .isEqualTo(MessageDigest.getInstance("SHA-256").digest(stored));
  }

  @Test
  void waking_a_follower_ends_its_wait_and_closing_it_ends_it_for_good() throws Exception {
    String turn = turn();
    Follower follower = log.follow(turn, 0);
    Thread waker = Thread.ofVirtual().start(follower::wake);
    assertThat(follower.next(Logs.GENEROUS).status()).isEqualTo(Status.IDLE);
    waker.join();
    Thread closer = Thread.ofVirtual().start(follower::close);
    assertThat(follower.next(Logs.GENEROUS).status()).isEqualTo(Status.CLOSED);
    closer.join();
    assertThat(follower.next(Logs.GENEROUS).status()).isEqualTo(Status.CLOSED);
  }

  @Test
  void releasing_the_followers_closes_those_that_wait_and_those_that_come() throws Exception {
    String turn = turn();
    try (Follower waiting = log.follow(turn, 0)) {
      Thread release = Thread.ofVirtual().start(log::releaseFollowers);
      assertThat(waiting.next(Logs.GENEROUS).status()).isEqualTo(Status.CLOSED);
      release.join();
    }
    try (Follower late = log.follow(turn, -1)) {
      assertThat(late.next(Logs.GENEROUS).status()).isEqualTo(Status.CLOSED);
    }
  }

  @Test
  void retention_deletes_old_logs_and_says_so_to_followers() throws Exception {
    String turn = finished(3);
    String live = turn();
    assertThat(log.sweep(Duration.ofHours(1), Duration.ofHours(1), 100)).isZero();
    try (Follower behind = log.follow(turn, -1);
        Follower open = log.follow(live, -1)) {
      database()
          .write(
              tx -> tx.update("UPDATE turn SET ended_at = ended_at - 7200000 WHERE id = ?", turn));
      assertThat(log.sweep(Duration.ofHours(1), Duration.ofHours(1), 100)).isEqualTo(1);
      assertThat(log.sweep(Duration.ofHours(1), Duration.ofHours(1), 100)).isZero();
      assertThat(behind.next(Logs.GENEROUS).status()).isEqualTo(Status.EXPIRED);
      assertThat(open.next(Logs.GENEROUS).status()).isEqualTo(Status.DATA);
    }
    assertThat(Logs.stored(database(), turn)).isEmpty();
    try (Follower late = log.follow(turn, 2)) {
      assertThat(late.next(Logs.GENEROUS).status()).isEqualTo(Status.EXPIRED);
    }
  }

  @Test
  void retention_takes_no_more_than_its_batch_and_forgets_old_idempotency_keys() {
    List<String> turns = List.of(finished(0), finished(0), finished(0));
    database()
        .write(tx -> {
          for (int i = 0; i < 3; i++) {
            tx.update(
                """
                INSERT INTO idempotency (tenant, owner, key, body_hash, turn_id, created_at)
                VALUES ('t', 'o', ?, 'h', 't', {now} - ?)\
                """,
                "k" + i + turns.getFirst(),
                i * 7_200_000L);
          }
          return tx.update("UPDATE turn SET ended_at = 1 WHERE ended_at IS NOT NULL");
        });
    assertThat(log.sweep(Duration.ofHours(1), Duration.ofHours(1), 2)).isEqualTo(2);
    assertThat(log.sweep(Duration.ofHours(1), Duration.ofHours(1), 2)).isPositive();
    long keys =
        database()
            .<Long>read(tx ->
                tx.one(
                        "SELECT COUNT(*) FROM idempotency WHERE key LIKE ?",
                        row -> row.getLong(1),
                        "%" + turns.getFirst())
                    .orElseThrow());
    assertThat(keys).isEqualTo(1);
  }

  @Test
  void retention_drops_what_came_into_the_log_of_a_turn_while_that_was_deleted() {
    List<String> turns = List.of(turn(), turn(), turn(), turn(), turn());
    database()
        .write(tx -> tx.update("DELETE FROM turn WHERE id IN (?, ?)", turns.get(1), turns.get(4)));
    // Three sweeps of two get to the end.
    for (int sweep = 0; sweep < 3; sweep++) {
      assertThat(log.sweep(Duration.ofHours(1), Duration.ofHours(1), 2)).isZero();
    }
    List<String> left =
        database()
            .read(tx ->
                tx.list(
                    "SELECT DISTINCT turn_id FROM log_block ORDER BY turn_id",
                    row -> row.getString(1)));
    assertThat(left).containsExactly(turns.get(0), turns.get(2), turns.get(3));
  }

  @Test
  void a_damaged_log_is_not_opened_for_writing() {
    String turn = turn();
    long epoch = claim(turn);
    database()
        .write(tx ->
            tx.update(
                "UPDATE log_block SET first_seq = 5, last_seq = 5 WHERE turn_id = ? AND"
                    + " first_seq = 1",
                turn));
    assertThat(
            catchThrowableOfType(
                    PerdureException.class, () -> log.openWriter(turn, epoch, () -> {}))
                .code())
        .isEqualTo(ErrorCode.INTERNAL);
    assertThat(log.turnsInMemory()).isZero();
  }

  @Test
  void a_follower_of_a_deleted_turn_learns_that_its_log_is_gone() throws Exception {
    String turn = turn();
    try (Follower follower = log.follow(turn, 0)) {
      assertThat(follower.next(Duration.ZERO).status()).isEqualTo(Status.IDLE);
      database()
          .write(tx -> {
            tx.update("DELETE FROM turn WHERE id = ?", turn);
            return tx.update("DELETE FROM log_block WHERE turn_id = ?", turn);
          });
      assertThat(follower.next(Logs.GENEROUS).status()).isEqualTo(Status.EXPIRED);
    }
  }

  @Test
  void what_a_log_has_come_to_is_asked_of_the_database() throws Exception {
    String turn = turn();
    long epoch = claim(turn);
    TurnWriter writer = Logs.begin(log, turn, epoch, () -> {});
    Logs.complete(writer, turn, epoch, NODE);
    long last = Logs.lines(Logs.stored(database(), turn)).getLast().seq();
    assertThat(log.reaches(turn, last)).isTrue();
    assertThat(log.reaches(turn, last + 1)).isFalse();
    assertThat(log.reaches("turn_unknown", 0)).isFalse();
  }

  @Test
  void finished_turns_leave_nothing_in_memory() throws Exception {
    for (int i = 0; i < 200; i++) {
      String turn = turn();
      long epoch = claim(turn);
      Follower follower = log.follow(turn, -1);
      TurnWriter writer = Logs.begin(log, turn, epoch, () -> {});
      Logs.complete(writer, turn, epoch, NODE);
      Logs.followToEnd(follower);
      follower.close();
      follower.close();
    }
    assertThat(log.turnsInMemory()).isZero();
  }

  @Test
  void a_line_break_in_a_text_stays_inside_its_line() throws Exception {
    String turn = turn();
    long epoch = claim(turn);
    TurnWriter writer = Logs.begin(log, turn, epoch, () -> {});
    writer.append(new Notice("n", "line\r\nbreak", null));
    Logs.complete(writer, turn, epoch, NODE);
    assertThat(Logs.lines(Logs.stored(database(), turn))).hasSize(6);
  }
}
