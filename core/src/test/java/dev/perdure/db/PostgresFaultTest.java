package dev.perdure.db;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.testing.EmbeddedPostgresServer;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** What PostgreSQL and the way to it do when things go wrong. */
class PostgresFaultTest {
  private static final PostgresOptions SMALL =
      new PostgresOptions(
          2, 2, Duration.ofSeconds(2), Duration.ofSeconds(1), Duration.ofSeconds(5));

  private static Database open(String url) {
    return PostgresDatabase.open(url, null, null, SMALL);
  }

  private static void insert(Database database, String id) {
    SqliteFaultTest.insert(database, id);
  }

  @Test
  void a_server_that_does_not_answer_is_named_without_the_password() throws Exception {
    PerdureException e =
        catchThrowableOfType(
            PerdureException.class, () -> open("postgresql://me:secret@127.0.0.1:1/db"));
    assertThat(e.code()).isEqualTo(ErrorCode.DATABASE_UNAVAILABLE);
    assertThat(e).hasMessageContaining("127.0.0.1:1/db");
    StringWriter everything = new StringWriter();
    e.printStackTrace(new PrintWriter(everything));
    assertThat(everything.toString()).doesNotContain("secret");
  }

  @Test
  void a_database_of_a_newer_build_is_refused() throws Exception {
    String url = EmbeddedPostgresServer.shared().createDatabase();
    open(url).close();
    try (Connection connection = DriverManager.getConnection(url);
        var statement = connection.createStatement()) {
      statement.execute(
          """
          INSERT INTO flyway_schema_history
            (installed_rank, version, description, type, script, installed_by, execution_time,
             success)
          VALUES (99, '999', 'future', 'SQL', 'V999__future.sql', 'x', 1, TRUE)\
          """);
    }
    PerdureException e = catchThrowableOfType(PerdureException.class, () -> open(url));
    assertThat(e.code()).isEqualTo(ErrorCode.CONFIG);
    assertThat(e).hasMessageContaining("999").hasMessageContaining("newer build");
  }

  @Test
  void many_nodes_may_start_on_an_empty_database_at_once() throws Exception {
    String url = EmbeddedPostgresServer.shared().createDatabase();
    AtomicInteger started = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                open(url).close();
                started.incrementAndGet();
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(started).hasValue(4);
  }

  @Test
  void a_deadlock_is_repeated_until_both_have_committed() throws Exception {
    try (Database database = open(EmbeddedPostgresServer.shared().createDatabase())) {
      insert(database, "a");
      insert(database, "b");
      CountDownLatch bothHold = new CountDownLatch(2);
      AtomicInteger runs = new AtomicInteger();
      List<Thread> threads = new ArrayList<>();
      for (List<String> order : List.of(List.of("a", "b"), List.of("b", "a"))) {
        threads.add(
            Thread.ofVirtual()
                .start(() ->
                    database.write(tx -> {
                      runs.incrementAndGet();
                      for (String id : order) {
                        tx.update("UPDATE node SET lease_until = lease_until + 1 WHERE id = ?", id);
                        bothHold.countDown();
                        await(bothHold);
                      }
                      return true;
                    })));
      }
      for (Thread thread : threads) {
        thread.join();
      }
      long sum =
          database.<Long>read(tx ->
              tx.one("SELECT CAST(SUM(lease_until) AS BIGINT) FROM node", row -> row.getLong(1))
                  .orElseThrow());
      assertThat(sum).isEqualTo(4);
      assertThat(runs.get()).isGreaterThan(2);
    }
  }

  @Test
  void what_is_urgent_does_not_wait_for_the_connections_of_others() throws Exception {
    try (Database database = open(EmbeddedPostgresServer.shared().createDatabase())) {
      CountDownLatch busy = new CountDownLatch(4);
      CountDownLatch free = new CountDownLatch(1);
      List<Thread> threads = new ArrayList<>();
      Database.Work<Boolean> hold =
          tx -> {
            busy.countDown();
            await(free);
            return true;
          };
      for (int i = 0; i < 2; i++) {
        threads.add(Thread.ofVirtual().start(() -> database.write(hold)));
        threads.add(Thread.ofVirtual().start(() -> database.read(hold)));
      }
      busy.await();
      long rows =
          database.<Long>urgently(tx -> {
            tx.update(
                "INSERT INTO node (id, version, started_at, lease_until)"
                    + " VALUES ('a', 't', 1, 1)");
            return tx.one("SELECT COUNT(*) FROM node", row -> row.getLong(1)).orElseThrow();
          });
      assertThat(rows).isEqualTo(1);
      free.countDown();
      for (Thread thread : threads) {
        thread.join();
      }
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void callers_that_find_no_free_connection_are_told_so_in_time() throws Exception {
    try (Database database = open(EmbeddedPostgresServer.shared().createDatabase())) {
      CountDownLatch busy = new CountDownLatch(2);
      CountDownLatch free = new CountDownLatch(1);
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        threads.add(
            Thread.ofVirtual()
                .start(() ->
                    database.write(tx -> {
                      busy.countDown();
                      await(free);
                      return true;
                    })));
      }
      busy.await();
      PerdureException e =
          catchThrowableOfType(PerdureException.class, () -> insert(database, "x"));
      assertThat(e.code()).isEqualTo(ErrorCode.DATABASE_UNAVAILABLE);
      free.countDown();
      for (Thread thread : threads) {
        thread.join();
      }
      insert(database, "x");
    }
  }

  @Test
  void while_the_server_is_away_callers_are_refused_and_then_served_again() {
    try (EmbeddedPostgresServer server = EmbeddedPostgresServer.start(false);
        Database database = open(server.createDatabase())) {
      insert(database, "before");
      server.stop();
      for (int i = 0; i < 100; i++) {
        PerdureException e =
            catchThrowableOfType(PerdureException.class, () -> insert(database, "during"));
        assertThat(e.code()).isEqualTo(ErrorCode.DATABASE_UNAVAILABLE);
      }
      server.start();
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
      while (true) {
        try {
          insert(database, "after");
          break;
        } catch (PerdureException e) {
          assertThat(e.code()).isEqualTo(ErrorCode.DATABASE_UNAVAILABLE);
          assertThat(System.nanoTime() - deadline).as("not served in time").isNegative();
          Thread.onSpinWait();
        }
      }
      List<String> ids =
          database.read(tx -> tx.list("SELECT id FROM node", row -> row.getString(1)));
      assertThat(ids).contains("before", "after");
    }
  }

  @Test
  void hints_reach_other_nodes_but_not_twice_their_own() throws Exception {
    String url = EmbeddedPostgresServer.shared().createDatabase();
    try (Database here = open(url);
        Database there = open(url)) {
      LinkedBlockingQueue<String> heardHere = new LinkedBlockingQueue<>();
      LinkedBlockingQueue<String> heardThere = new LinkedBlockingQueue<>();
      here.signals().subscribe(Signals.Topic.OWNER, heardHere::addAll);
      there.signals().subscribe(Signals.Topic.OWNER, heardThere::addAll);
      // Until the listeners are connected, hints may be lost.
      while (heardThere.poll(50, TimeUnit.MILLISECONDS) == null) {
        here.signals().publish(Signals.Topic.OWNER, List.of("warm-up"));
      }
      while (!heardHere.contains("back")) {
        there.signals().publish(Signals.Topic.OWNER, List.of("back"));
        TimeUnit.MILLISECONDS.sleep(5);
      }
      List<String> keys = new ArrayList<>();
      for (int i = 0; i < 2_000; i++) {
        keys.add("tenant/ö\"\\\n" + i);
      }
      heardHere.clear();
      here.signals().publish(Signals.Topic.OWNER, keys);
      List<String> arrived = new ArrayList<>();
      while (arrived.size() < keys.size()) {
        String key = heardThere.poll(30, TimeUnit.SECONDS);
        assertThat(key).isNotNull();
        if (!key.equals("warm-up") && !key.equals("back")) {
          arrived.add(key);
        }
      }
      assertThat(arrived).containsExactlyElementsOf(keys);
      there.signals().publish(Signals.Topic.OWNER, List.of("end"));
      List<String> atHome = new ArrayList<>();
      while (!atHome.contains("end")) {
        String key = heardHere.poll(30, TimeUnit.SECONDS);
        assertThat(key).isNotNull();
        if (!key.equals("back")) {
          atHome.add(key);
        }
      }
      assertThat(atHome).hasSize(2_001);
    }
  }

  @Test
  void payloads_stay_below_the_limit_and_lose_no_key_that_fits() {
    List<String> keys = List.of("a".repeat(5_000), "é".repeat(3_000), "b", "c".repeat(9_000), "d");
    List<String> payloads = PostgresSignals.pack(Signals.Topic.LOG, keys);
    assertThat(payloads)
        .allMatch(p -> p.getBytes(java.nio.charset.StandardCharsets.UTF_8).length <= 7_900);
    java.util.Map<Signals.Topic, java.util.Set<String>> out =
        new java.util.EnumMap<>(Signals.Topic.class);
    payloads.forEach(payload -> PostgresSignals.unpack(payload, out));
    assertThat(out.get(Signals.Topic.LOG))
        .containsExactly(keys.get(0), keys.get(1), keys.get(2), keys.get(4));
    for (String bad :
        List.of("", "{", "[]", "{\"topic\":\"X\",\"keys\":[]}", "null", "{\"keys\":1}")) {
      PostgresSignals.unpack(bad, out);
    }
    assertThat(out).hasSize(1);
  }

  @Test
  void a_server_that_goes_and_comes_back_is_used_again_and_so_are_hints() throws Exception {
    try (EmbeddedPostgresServer server = EmbeddedPostgresServer.start(false)) {
      String url = server.createDatabase();
      try (Database here = open(url);
          Database there = open(url)) {
        insert(here, "before");
        server.stop();
        PerdureException e =
            catchThrowableOfType(PerdureException.class, () -> insert(here, "during"));
        assertThat(e.code()).isEqualTo(ErrorCode.DATABASE_UNAVAILABLE);
        PerdureException read =
            catchThrowableOfType(PerdureException.class, () -> here.read(Tx::now));
        assertThat(read.code()).isEqualTo(ErrorCode.DATABASE_UNAVAILABLE);
        server.start();
        insert(here, "after");
        LinkedBlockingQueue<String> heard = new LinkedBlockingQueue<>();
        there.signals().subscribe(Signals.Topic.QUEUE, heard::addAll);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (heard.poll(50, TimeUnit.MILLISECONDS) == null) {
          assertThat(System.nanoTime()).isLessThan(deadline);
          here.signals().publish(Signals.Topic.QUEUE, List.of("t"));
        }
      }
    }
  }
}
