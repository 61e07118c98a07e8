package dev.perdure.db;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteDataSource;

/** What SQLite does when things go wrong around it. */
class SqliteFaultTest {
  @TempDir Path directory;

  private static PerdureException refused(Path directory) {
    return catchThrowableOfType(
        PerdureException.class, () -> SqliteDatabase.open(directory).close());
  }

  private static long nodes(Database database) {
    return database.<Long>read(
        tx -> tx.one("SELECT COUNT(*) FROM node", row -> row.getLong(1)).orElseThrow());
  }

  static void insert(Database database, String id) {
    database.write(tx ->
        tx.update(
            "INSERT INTO node (id, version, started_at, lease_until) VALUES (?, '1', 0, 0)", id));
  }

  @Test
  void a_second_database_in_the_same_process_is_refused_and_does_no_harm() throws Exception {
    try (Database first = SqliteDatabase.open(directory)) {
      PerdureException e = refused(directory.resolve("."));
      assertThat(e.code()).isEqualTo(ErrorCode.CONFIG);
      assertThat(e).hasMessageContaining(directory.getFileName().toString());
      // The first one still has its lock, as another process sees it.
      assertThat(run("open")).contains("in use by the process " + ProcessHandle.current().pid());
      insert(first, "a");
    }
    SqliteDatabase.open(directory).close();
  }

  @Test
  void a_directory_that_another_process_has_is_refused_with_its_process_id() throws Exception {
    Process holder = start("write");
    try (BufferedReader output = output(holder)) {
      output.readLine();
      PerdureException e = refused(directory);
      assertThat(e.code()).isEqualTo(ErrorCode.CONFIG);
      assertThat(e).hasMessageContaining("process " + holder.pid());
    } finally {
      holder.destroyForcibly().waitFor();
    }
  }

  @Test
  void what_was_acknowledged_survives_a_kill_in_the_middle_of_writing() throws Exception {
    for (int round = 0; round < 3; round++) {
      Process writer = start("write");
      int acknowledged = 0;
      try (BufferedReader output = output(writer)) {
        while (acknowledged < 50 * (round + 1)) {
          String line = output.readLine();
          assertThat(line).isNotNull();
          acknowledged++;
        }
        // By its handle: the other way would close the pipe with what it has said before.
        writer.toHandle().destroyForcibly();
        while (output.readLine() != null) {
          acknowledged++;
        }
      }
      try (Database database = SqliteDatabase.open(directory)) {
        assertThat(nodes(database)).isGreaterThanOrEqualTo(acknowledged);
        String check =
            database.<String>read(
                tx -> tx.one("PRAGMA integrity_check", row -> row.getString(1)).orElseThrow());
        assertThat(check).isEqualTo("ok");
        database.write(tx -> tx.update("DELETE FROM node"));
      }
    }
  }

  @Test
  void a_database_of_a_newer_build_is_refused() throws Exception {
    SqliteDatabase.open(directory).close();
    try (Connection connection = raw();
        var statement = connection.createStatement()) {
      statement.execute(
          """
          INSERT INTO flyway_schema_history
            (installed_rank, version, description, type, script, installed_by, execution_time,
             success)
          VALUES (99, '999', 'future', 'SQL', 'V999__future.sql', 'x', 1, 1)\
          """);
    }
    PerdureException e = refused(directory);
    assertThat(e.code()).isEqualTo(ErrorCode.CONFIG);
    assertThat(e).hasMessageContaining("999").hasMessageContaining("newer build");
    try (Connection connection = raw();
        var statement = connection.createStatement()) {
      statement.execute("DELETE FROM flyway_schema_history WHERE version = '999'");
    }
    SqliteDatabase.open(directory).close();
  }

  private Connection raw() throws SQLException {
    return DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("perdure.db"));
  }

  @Test
  void a_file_that_is_no_database_is_refused() throws Exception {
    Files.writeString(directory.resolve("perdure.db"), "x".repeat(10_000));
    assertThat(refused(directory).code()).isEqualTo(ErrorCode.CONFIG);
  }

  @Test
  void a_data_directory_that_is_a_file_is_refused() throws Exception {
    Path file = Files.writeString(directory.resolve("file"), "x");
    assertThat(refused(file).code()).isEqualTo(ErrorCode.CONFIG);
  }

  @Test
  void it_commits_fully_synchronously_to_a_write_ahead_log() throws Exception {
    try (Database database = SqliteDatabase.open(directory)) {
      List<String> settings =
          database.write(tx ->
              List.of(
                  tx.one("PRAGMA journal_mode", row -> row.getString(1)).orElseThrow(),
                  tx.one("PRAGMA synchronous", row -> row.getString(1)).orElseThrow(),
                  tx.one("PRAGMA foreign_keys", row -> row.getString(1)).orElseThrow()));
      assertThat(settings).containsExactly("wal", "2", "1");
    }
    // The WAL has been moved into the file.
    assertThat(directory.resolve("perdure.db-wal")).doesNotExist();
  }

  @Test
  void a_full_disk_fails_every_caller_of_the_batch_and_then_the_writer_goes_on() throws Exception {
    SqliteDatabase.open(directory).close();
    SQLiteDataSource full = dataSource(40);
    SQLiteDataSource roomy = dataSource(1_000_000);
    AtomicInteger opened = new AtomicInteger();
    try (SqliteWriter writer =
        new SqliteWriter(
            new org.sqlite.SQLiteDataSource() {
              @Override
              public Connection getConnection() throws SQLException {
                return opened.getAndIncrement() == 0 ? full.getConnection() : roomy.getConnection();
              }
            })) {
      CountDownLatch gather = new CountDownLatch(1);
      ConcurrentLinkedQueue<Object> outcomes = new ConcurrentLinkedQueue<>();
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        String id = "n" + i;
        threads.add(
            Thread.ofVirtual()
                .start(() -> {
                  try {
                    gather.await();
                    writer.write(tx -> {
                      byte[] large = new byte[50_000];
                      return tx.update("INSERT INTO log_block VALUES (?, 0, 0, ?)", id, large);
                    });
                    outcomes.add("done");
                  } catch (PerdureException e) {
                    outcomes.add(e.code());
                  } catch (InterruptedException e) {
                    outcomes.add(e);
                  }
                }));
      }
      // Started late, so that the callers make one batch.
      gather.countDown();
      writer.start();
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(outcomes).contains(ErrorCode.DATABASE_UNAVAILABLE);
      assertThat(outcomes).isSubsetOf(ErrorCode.DATABASE_UNAVAILABLE, "done");
      long stored =
          writer.<Long>write(
              tx -> tx.one("SELECT COUNT(*) FROM log_block", row -> row.getLong(1)).orElseThrow());
      assertThat(stored).isEqualTo(outcomes.stream().filter("done"::equals).count());
    }
  }

  private SQLiteDataSource dataSource(int maxPages) {
    SQLiteConfig config = new SQLiteConfig();
    config.setMaxPageCount(maxPages);
    SQLiteDataSource dataSource = new SQLiteDataSource(config);
    dataSource.setUrl("jdbc:sqlite:" + directory.resolve("perdure.db"));
    return dataSource;
  }

  @Test
  void a_closed_database_refuses_work_instead_of_hanging() {
    Database database = SqliteDatabase.open(directory);
    database.close();
    assertThat(catchThrowableOfType(PerdureException.class, () -> insert(database, "late")).code())
        .isEqualTo(ErrorCode.DATABASE_UNAVAILABLE);
    assertThat(catchThrowableOfType(PerdureException.class, () -> nodes(database)).code())
        .isEqualTo(ErrorCode.DATABASE_UNAVAILABLE);
    database.close();
  }

  // Another process.

  private Process start(String what) throws Exception {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
            SqliteProcess.class.getName(),
            what,
            directory.toString())
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  private static BufferedReader output(Process process) {
    return new BufferedReader(
        new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
  }

  private String run(String what) throws Exception {
    Process process = start(what);
    try (BufferedReader output = output(process)) {
      String line = output.readLine();
      process.waitFor();
      return line == null ? "" : line;
    }
  }
}
