package dev.perdure.db;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What both databases promise. */
abstract class DatabaseContract {
  private static final String INSERT =
      "INSERT INTO node (id, version, started_at, lease_until) VALUES (?, ?, ?, ?)";

  /** The database under test, open during the whole class. */
  abstract Database database();

  @BeforeEach
  void empty() {
    database().write(tx -> tx.update("DELETE FROM node"));
  }

  private static int insert(Tx tx, String id) throws SQLException {
    return tx.update(INSERT, id, "1", 0L, 0);
  }

  private long count() {
    return database()
        .<Long>read(tx -> tx.one("SELECT COUNT(*) FROM node", row -> row.getLong(1)).orElseThrow());
  }

  @Test
  void what_was_written_is_read() {
    byte[] payload = {0, 1, (byte) 0xff, '\n'};
    database()
        .write(tx ->
            tx.update(
                "INSERT INTO log_block (turn_id, first_seq, last_seq, payload)"
                    + " VALUES (?, ?, ?, ?)",
                "é\"'\u0001",
                Long.MAX_VALUE,
                -1,
                payload));
    List<String> found =
        database()
            .read(tx ->
                tx.list(
                    "SELECT turn_id, first_seq, payload FROM log_block WHERE last_seq = -1",
                    row ->
                        row.getString(1)
                            + row.getLong(2)
                            + new String(row.getBytes(3), StandardCharsets.ISO_8859_1)));
    assertThat(found)
        .containsExactly(
            "é\"'\u0001" + Long.MAX_VALUE + new String(payload, StandardCharsets.ISO_8859_1));
  }

  @Test
  void the_clock_is_in_milliseconds_since_1970() {
    long now = database().<Long>read(Tx::now);
    long year2020 = 1_577_836_800_000L;
    assertThat(now).isBetween(year2020, year2020 * 3);
    long stored =
        database()
            .<Long>write(tx ->
                tx.one(
                        "INSERT INTO node (id, version, started_at, lease_until)"
                            + " VALUES ('c', '1', {now}, 0) RETURNING started_at",
                        row -> row.getLong(1))
                    .orElseThrow());
    assertThat(stored).isBetween(now, now + 3_600_000);
  }

  @Test
  void a_work_that_throws_leaves_nothing_and_its_exception_arrives_as_it_is() {
    IllegalStateException thrown = new IllegalStateException("mine");
    assertThatThrownBy(() ->
            database()
                .write(tx -> {
                  insert(tx, "a");
                  throw thrown;
                }))
        .isSameAs(thrown);
    assertThat(count()).isZero();
  }

  @Test
  void works_of_many_callers_commit_or_fail_each_on_its_own() throws Exception {
    ConcurrentLinkedQueue<String> failed = new ConcurrentLinkedQueue<>();
    List<Thread> threads = new ArrayList<>();
    CountDownLatch go = new CountDownLatch(1);
    for (int i = 0; i < 300; i++) {
      String id = "w" + i;
      boolean bad = i % 3 == 0;
      threads.add(
          Thread.ofVirtual()
              .start(() -> {
                try {
                  go.await();
                  database()
                      .write(tx -> {
                        insert(tx, id);
                        if (bad) {
                          throw new IllegalArgumentException(id);
                        }
                        return true;
                      });
                } catch (IllegalArgumentException e) {
                  failed.add(e.getMessage());
                } catch (InterruptedException e) {
                  failed.add("interrupted");
                }
              }));
    }
    go.countDown();
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failed).hasSize(100).allMatch(id -> id.startsWith("w"));
    assertThat(count()).isEqualTo(200);
  }

  @Test
  void a_failed_statement_loses_the_transaction_even_if_the_work_goes_on() {
    PerdureException e =
        catchThrowableOfType(
            PerdureException.class,
            () ->
                database()
                    .write(tx -> {
                      insert(tx, "a");
                      try {
                        tx.update("INSERT INTO no_such_table VALUES (1)");
                      } catch (SQLException swallowed) {
                        assertThatThrownBy(() -> insert(tx, "b")).isInstanceOf(SQLException.class);
                      }
                      return true;
                    }));
    assertThat(e.code()).isEqualTo(ErrorCode.INTERNAL);
    assertThat(count()).isZero();
  }

  @Test
  void a_broken_unique_key_is_a_conflict_and_says_nothing_of_the_data() {
    database().write(tx -> insert(tx, "secret"));
    PerdureException e =
        catchThrowableOfType(
            PerdureException.class, () -> database().write(tx -> insert(tx, "secret")));
    assertThat(e.code()).isEqualTo(ErrorCode.CONFLICT);
    assertThat(e.getMessage()).doesNotContain("secret").doesNotContain("INSERT");
    assertThat(count()).isEqualTo(1);
  }

  @Test
  void a_row_without_its_parent_is_a_conflict() {
    PerdureException e =
        catchThrowableOfType(
            PerdureException.class,
            () ->
                database()
                    .write(tx ->
                        tx.update(
                            "INSERT INTO lane (turn_id, lane, message_id, model, state)"
                                + " VALUES ('none', 0, 'm', 'x', 'pending')")));
    assertThat(e.code()).isEqualTo(ErrorCode.CONFLICT);
  }

  @Test
  void wrong_sql_is_an_internal_error_without_the_sql() {
    PerdureException e =
        catchThrowableOfType(
            PerdureException.class,
            () -> database().read(tx -> tx.list("SELECT nonsense FROM node", row -> 1)));
    assertThat(e.code()).isEqualTo(ErrorCode.INTERNAL);
    assertThat(e.getMessage()).doesNotContain("nonsense");
  }

  @Test
  void a_read_sees_one_snapshot() {
    database().write(tx -> insert(tx, "a"));
    List<Long> counts =
        database()
            .read(tx -> {
              long before =
                  tx.one("SELECT COUNT(*) FROM node", row -> row.getLong(1)).orElseThrow();
              database().write(other -> insert(other, "b"));
              long after = tx.one("SELECT COUNT(*) FROM node", row -> row.getLong(1)).orElseThrow();
              return List.of(before, after);
            });
    assertThat(counts).containsExactly(1L, 1L);
    assertThat(count()).isEqualTo(2);
  }

  @Test
  void a_read_cannot_write_and_reading_goes_on_afterwards() {
    for (int i = 0; i < 20; i++) {
      assertThatThrownBy(() -> database().read(tx -> insert(tx, "x")))
          .isInstanceOf(PerdureException.class);
    }
    assertThat(count()).isZero();
  }

  @Test
  void an_interrupted_caller_gets_its_answer_and_keeps_its_interrupt() throws Exception {
    List<String> seen = new ArrayList<>();
    for (Thread.Builder builder : List.of(Thread.ofVirtual(), Thread.ofPlatform())) {
      Thread thread =
          builder.start(() -> {
            Thread.currentThread().interrupt();
            database().write(tx -> insert(tx, "i" + seen.size()));
            long count =
                database()
                    .<Long>read(tx ->
                        tx.one("SELECT COUNT(*) FROM node", row -> row.getLong(1)).orElseThrow());
            seen.add(count + " " + Thread.interrupted());
          });
      thread.join();
    }
    assertThat(seen).containsExactly("1 true", "2 true");
  }

  @Test
  void interrupts_in_the_middle_of_transactions_break_none_of_them() throws Exception {
    List<Thread> threads = new ArrayList<>();
    ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
    for (int i = 0; i < 50; i++) {
      String id = "t" + i;
      threads.add(
          Thread.ofVirtual()
              .start(() -> {
                try {
                  database().write(tx -> insert(tx, id));
                } catch (RuntimeException e) {
                  failures.add(e);
                }
              }));
    }
    for (Thread thread : threads) {
      thread.interrupt();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failures).isEmpty();
    assertThat(count()).isEqualTo(50);
  }

  @Test
  void a_scan_stops_when_it_is_told_to_and_a_batch_counts_each_row() {
    int[] counts =
        database()
            .write(tx -> {
              List<Object[]> rows = new ArrayList<>();
              for (int i = 0; i < 500; i++) {
                rows.add(new Object[] {"n" + i, "1", 0L, (long) i});
              }
              return tx.batch(INSERT, rows);
            });
    assertThat(counts).hasSize(500).containsOnly(1);
    List<Long> seen = new ArrayList<>();
    database()
        .read(tx -> {
          tx.scan(
              "SELECT lease_until FROM node ORDER BY lease_until",
              row -> {
                seen.add(row.getLong(1));
                return seen.size() < 100;
              });
          return true;
        });
    assertThat(seen).hasSize(100);
    assertThat(seen.getLast()).isEqualTo(99);
  }

  @Test
  void the_same_statement_may_be_used_while_its_rows_are_read() {
    database()
        .write(tx -> {
          insert(tx, "a");
          return insert(tx, "b");
        });
    String sql = "SELECT id FROM node WHERE id >= ? ORDER BY id";
    List<List<String>> nested =
        database()
            .read(tx -> tx.list(sql, row -> tx.list(sql, inner -> inner.getString(1), "a"), "a"));
    assertThat(nested).containsExactly(List.of("a", "b"), List.of("a", "b"));
  }

  @Test
  void hints_reach_every_subscriber_at_once_until_it_unsubscribes() {
    List<String> first = new ArrayList<>();
    List<String> second = new ArrayList<>();
    Signals signals = database().signals();
    Signals.Subscription subscription = signals.subscribe(Signals.Topic.TURN, first::addAll);
    try (Signals.Subscription other = signals.subscribe(Signals.Topic.TURN, second::addAll)) {
      signals.publish(Signals.Topic.TURN, List.of("t1", "t2"));
      signals.publish(Signals.Topic.QUEUE, List.of("q"));
      subscription.close();
      signals.publish(Signals.Topic.TURN, List.of("t3"));
      assertThat(other).isNotNull();
    }
    signals.publish(Signals.Topic.TURN, List.of("t4"));
    assertThat(first).containsExactly("t1", "t2");
    assertThat(second).containsExactly("t1", "t2", "t3");
  }

  @Test
  void a_subscriber_that_throws_costs_the_others_nothing() {
    List<String> seen = new ArrayList<>();
    Signals signals = database().signals();
    try (Signals.Subscription bad =
            signals.subscribe(
                Signals.Topic.OWNER,
                keys -> {
                  throw new IllegalStateException("a test's bad listener");
                });
        Signals.Subscription good = signals.subscribe(Signals.Topic.OWNER, seen::addAll)) {
      signals.publish(Signals.Topic.OWNER, List.of("t/o"));
      assertThat(List.of(bad, good)).isNotEmpty();
    }
    assertThat(seen).containsExactly("t/o");
  }
}
