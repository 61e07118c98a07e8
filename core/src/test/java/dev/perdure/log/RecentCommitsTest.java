package dev.perdure.log;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.db.ReadyDatabases;
import dev.perdure.db.SqliteDatabase;
import dev.perdure.log.LogStore.Fate;
import dev.perdure.log.LogStore.Fenced;
import dev.perdure.log.LogStore.Page;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnState;
import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecentCommitsTest {
  private static final String NODE = "n1";
  private static final int MOST_BLOCKS = 3 * RecentCommits.CROWD;
  private static final int ALL = 1_000_000;

  @TempDir Path directory;
  private SqliteDatabase database;
  private LogStore store;
  private final List<String> turns = new ArrayList<>();
  private final Map<String, Long> epochs = new HashMap<>();
  private final Map<String, ByteArrayOutputStream> expected = new HashMap<>();
  private final Map<String, Long> next = new HashMap<>();

  @BeforeEach
  void open() {
    database = ReadyDatabases.sqlite(directory);
    try (TurnLog log = new TurnLog(database, NODE, LogLimits.DEFAULT)) {
      for (int i = 0; i < RecentCommits.CROWD; i++) {
        String turn = TurnRows.queued(database, log);
        epochs.put(turn, TurnRows.claim(log, turn, NODE));
        turns.add(turn);
        ByteArrayOutputStream begun = new ByteArrayOutputStream();
        begun.writeBytes(Logs.stored(database, turn));
        expected.put(turn, begun);
        next.put(turn, 2L);
      }
    }
    store = opened();
  }

  @AfterEach
  void close() {
    database.close();
  }

  private LogStore opened() {
    return new LogStore(database, NODE, new RecentCommits(NODE, MOST_BLOCKS));
  }

  private ByteArrayOutputStream log(String turn) {
    return requireNonNull(expected.get(turn));
  }

  private String whole(String turn) {
    return log(turn).toString(UTF_8);
  }

  private long next(String turn) {
    return requireNonNull(next.get(turn));
  }

  private long epoch(String turn) {
    return requireNonNull(epochs.get(turn));
  }

  /** The next event of a turn, as a block that is expected to be in its log from now on. */
  private Fenced said(String turn) {
    LogBlock block = block(turn, requireNonNull(next.merge(turn, 1L, Long::sum)) - 1);
    log(turn).writeBytes(block.payload());
    return new Fenced(block, epoch(turn));
  }

  private static LogBlock block(String turn, long seq) {
    TurnEvent event =
        seq == 2
            ? new AttemptStarted(0, 0, 1, "demo/a", null)
            : new AttemptStarted(0, 0, (int) seq, "demo/a", "x");
    return block(turn, seq, event);
  }

  private static LogBlock block(String turn, long seq, TurnEvent event) {
    PendingLines lines = new PendingLines();
    lines.add(seq, event, null);
    return lines.take(turn);
  }

  private List<Fenced> allSay() {
    return turns.stream().map(this::said).toList();
  }

  private Set<String> append(List<Fenced> blocks) {
    Set<String> stored = database.write(tx -> store.append(tx, blocks));
    store.appended();
    return stored;
  }

  private void assertAllThere() {
    for (String turn : turns) {
      assertThat(text(store.read(turn, -1, ALL))).isEqualTo(whole(turn));
      long last = next(turn) - 1;
      assertThat(store.read(turn, last - 1, ALL).blocks().getLast().lastSeq()).isEqualTo(last);
      assertThat(store.read(turn, last, ALL)).isEqualTo(new Page(List.of(), last, Fate.OPEN));
      assertThat(database.<Long>write(tx -> store.nextSeq(tx, turn))).isEqualTo(last + 1);
    }
  }

  private static String text(Page page) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    long last = -1;
    for (LogBlock block : page.blocks()) {
      assertThat(block.firstSeq()).isEqualTo(last + 1);
      last = block.lastSeq();
      out.writeBytes(block.payload());
    }
    return out.toString(UTF_8);
  }

  private long rows(String table) {
    return database.<Long>read(
        tx -> tx.one("SELECT COUNT(*) FROM " + table, row -> row.getLong(1)).orElseThrow());
  }

  @Test
  void a_log_is_whole_while_its_blocks_are_moved_bit_by_bit() {
    for (int i = 0; i < 40; i++) {
      assertThat(append(allSay())).containsExactlyInAnyOrderElementsOf(turns);
      assertAllThere();
    }
    assertThat(rows("log_recent")).isLessThan(10);
    assertThat(rows("log_block")).isGreaterThan(4L * turns.size()).isLessThan(30L * turns.size());
  }

  @Test
  void pages_of_a_log_follow_each_other_whatever_has_been_moved() {
    for (int i = 0; i < 9; i++) {
      append(allSay());
    }
    String turn = turns.getFirst();
    append(List.of(said(turn)));
    append(allSay());
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    long at = -1;
    for (Page page = store.read(turn, at, 1); !page.reachesEnd(); page = store.read(turn, at, 1)) {
      for (LogBlock block : page.blocks()) {
        LogLines.after(block, at, (seq, bytes, from, to) -> out.write(bytes, from, to - from + 1));
        at = block.lastSeq();
      }
    }
    Page last = store.read(turn, at, ALL);
    assertThat(last.last()).isEqualTo(next(turn) - 1);
    for (LogBlock block : last.blocks()) {
      LogLines.after(block, at, (seq, bytes, from, to) -> out.write(bytes, from, to - from + 1));
    }
    assertThat(out.toString(UTF_8)).contains(whole(turn));
  }

  @Test
  void an_ended_turn_has_all_of_its_log_in_the_table() {
    append(allSay());
    append(allSay());
    String turn = turns.getFirst();
    LogBlock last = block(turn, next(turn), new TurnEnded(TurnState.COMPLETED, null, "digest", 1));
    assertThat(database.<Boolean>write(tx -> store.insert(tx, last))).isTrue();
    store.ended(turn);
    log(turn).writeBytes(last.payload());
    assertThat(new String(Logs.stored(database, turn), UTF_8)).isEqualTo(whole(turn));
    assertThat(store.read(turn, -1, ALL).fate()).isEqualTo(Fate.ENDED);
  }

  @Test
  void rows_of_turns_that_have_ended_go_with_the_next_commits() {
    append(allSay());
    append(allSay());
    for (String turn : turns.subList(1, turns.size())) {
      store.ended(turn);
    }
    String last = turns.getFirst();
    assertThat(rows("log_recent")).isEqualTo(2);
    store.ended(last);
    append(List.of(new Fenced(block(last, 4), epoch(last))));
    assertThat(rows("log_recent")).isZero();
  }

  @Test
  void a_place_taken_by_a_recent_block_is_not_given_again() {
    append(allSay());
    String turn = turns.getFirst();
    LogBlock late = block(turn, next(turn) - 1);
    assertThat(database.<Boolean>write(tx -> store.insert(tx, late))).isFalse();
  }

  @Test
  void what_a_crash_has_left_is_moved_at_the_start() {
    for (int i = 0; i < 7; i++) {
      append(allSay());
    }
    database.write(tx -> store.append(tx, allSay()));
    store = opened();
    assertThat(rows("log_recent")).isZero();
    assertAllThere();
    append(allSay());
    assertAllThere();
  }

  @Test
  void a_commit_whose_answer_was_lost_is_seen_and_not_doubled() {
    append(allSay());
    List<Fenced> blocks = allSay();
    database.write(tx -> store.append(tx, blocks));
    assertAllThere();
    assertThat(append(blocks)).containsExactlyInAnyOrderElementsOf(turns);
    assertAllThere();
    store = opened();
    assertAllThere();
  }

  @Test
  void a_commit_that_failed_leaves_nothing_and_may_be_repeated_one_by_one() {
    append(allSay());
    List<Fenced> blocks =
        turns.stream().map(turn -> new Fenced(block(turn, 3), epoch(turn))).toList();
    assertThatThrownBy(() ->
            database.write(tx -> {
              store.append(tx, blocks);
              throw new IllegalStateException("of the test");
            }))
        .hasMessage("of the test");
    assertAllThere();
    for (Fenced wanted : allSay()) {
      assertThat(append(List.of(wanted))).hasSize(1);
    }
    assertAllThere();
    append(allSay());
    assertAllThere();
  }

  @Test
  void a_turn_that_another_holds_is_refused_alone() {
    String lost = turns.getFirst();
    List<Fenced> blocks = new ArrayList<>();
    turns.stream().skip(1).map(this::said).forEach(blocks::add);
    blocks.add(new Fenced(block(lost, 2), epoch(lost) - 1));
    assertThat(append(blocks)).containsExactlyInAnyOrderElementsOf(turns.subList(1, turns.size()));
    assertAllThere();
  }

  @Test
  void a_deleted_turn_does_not_come_back() {
    append(allSay());
    String gone = turns.removeFirst();
    database.write(tx -> {
      tx.update("DELETE FROM log_block WHERE turn_id = ?", gone);
      return tx.update("DELETE FROM turn WHERE id = ?", gone);
    });
    assertThat(store.read(gone, -1, ALL).fate()).isEqualTo(Fate.GONE);
    for (int i = 0; i < 10; i++) {
      List<Fenced> blocks = new ArrayList<>(allSay());
      blocks.add(new Fenced(block(gone, 3 + i), epoch(gone)));
      assertThat(append(blocks)).doesNotContain(gone);
    }
    assertAllThere();
    assertThat(Logs.stored(database, gone)).isEmpty();
  }
}
