package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.it.chaos.Gate;
import dev.perdure.testing.EmbeddedPostgresServer;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The database goes away while a reply is being written: it goes on in memory, whoever follows is
 * told and then gets everything, nothing new is accepted, and nobody hangs for ever.
 */
class SickDatabaseTest {
  private static final String TEXT = Prompts.words(300);

  static EmbeddedPostgresServer postgres;

  @BeforeAll
  static void start() {
    postgres = EmbeddedPostgresServer.start(false);
  }

  @AfterAll
  static void stop() {
    postgres.close();
  }

  private static Server.Setup impatient() {
    return Server.setup()
        .env("PERDURE_DB_CONNECT_TIMEOUT", "1s")
        .env("PERDURE_DB_BORROW_TIMEOUT", "1s")
        .env("PERDURE_DB_STATEMENT_TIMEOUT", "2s");
  }

  /** Something that takes the database away, and something that brings it back. */
  private record Sickness(Runnable begins, Runnable ends) {}

  private static void survive(Server server, Sickness sickness) throws Exception {
    Api api = server.api();
    String session = api.createSession();
    String turn = api.submit(session, Prompts.say(TEXT, 10));
    Transcript seen = new Transcript();
    CompletableFuture<Void> reader =
        CompletableFuture.runAsync(() -> api.read(turn, seen, event -> false));
    api.awaitText(turn, 100);

    sickness.begins.run();
    Await.until("the notice", () -> seen.notices().contains("degraded") ? "" : null);
    Api.Answer refused = api.submitRaw(session, Api.body("hello"));
    assertThat(refused.status()).as(refused.body()).isEqualTo(503);
    assertThat(refused.json().path("code").asText()).isEqualTo("database_unavailable");
    assertThat(refused.headers().firstValue("Retry-After")).isPresent();
    Await.until(
        "readiness to say so",
        () -> {
          Api.Answer ready = api.get("/readyz");
          return ready.status() == 503 && ready.body().contains("database") ? "" : null;
        });
    assertThat(api.get("/livez").status()).isEqualTo(200);
    Await.until(
        "the reply to be finished but not stored",
        () -> seen.notices().contains("persistence") ? "" : null);
    assertThat(seen.ended()).as("log before deliver").isFalse();
    sickness.ends.run();

    reader.get(60, TimeUnit.SECONDS);
    assertThat(seen.state()).isEqualTo("completed");
    assertThat(seen.text()).isEqualTo(TEXT);
    assertThat(seen.events("attempt.started")).as("held, not dropped").hasSize(1);
    JsonNode unsaved = seen.notice("persistence");
    JsonNode reply = api.reply(session, turn);
    assertThat(unsaved.path("messages").path(0)).isEqualTo(reply.path("id"));
    assertThat(unsaved.path("turn").asText()).isEqualTo(turn);
    assertThat(Api.text(reply)).isEqualTo(TEXT);
    Await.until("readiness", () -> api.get("/readyz").status() == 200 ? "" : null);
    assertThat(api.awaitEnd(api.submit(session, Prompts.say("well again", 1))))
        .isEqualTo("completed");
  }

  @Test
  void a_reply_survives_that_postgresql_is_stopped_for_a_while() throws Exception {
    try (Server server = impatient().start(postgres.createDatabase())) {
      survive(server, new Sickness(postgres::stop, postgres::start));
    }
  }

  @Test
  void a_reply_survives_that_postgresql_is_out_of_reach_and_then_silent() throws Exception {
    String url = postgres.createDatabase();
    try (Gate gate = new Gate(postgres.port());
        Server server =
            impatient().start(url.replace(":" + postgres.port() + "/", ":" + gate.port() + "/"))) {
      survive(server, new Sickness(gate::refuse, gate::heal));
      survive(server, new Sickness(gate::stall, gate::heal));
    }
  }

  @Test
  void a_reply_survives_that_somebody_else_has_locked_the_sqlite_file(@TempDir Path data)
      throws Exception {
    String url = "jdbc:sqlite:" + data.resolve("perdure.db").toAbsolutePath();
    try (Server server = Server.setup().start(data)) {
      server.url();
      try (Connection other = DriverManager.getConnection(url);
          Statement statement = other.createStatement()) {
        survive(
            server,
            new Sickness(
                () -> execute(statement, "BEGIN IMMEDIATE"), () -> execute(statement, "ROLLBACK")));
      }
    }
  }

  private static void execute(Statement statement, String sql) {
    try {
      statement.execute(sql);
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void when_all_connections_are_taken_callers_are_told_so_and_nobody_hangs() throws Exception {
    String url = postgres.createDatabase();
    try (Server server =
            impatient()
                .env("PERDURE_DB_WRITE_CONNECTIONS", "2")
                .env("PERDURE_DB_READ_CONNECTIONS", "1")
                .start(url);
        Connection other = DriverManager.getConnection(url);
        Statement statement = other.createStatement()) {
      Api api = server.api();
      String session = api.createSession();
      other.setAutoCommit(false);
      execute(statement, "LOCK TABLE session, message IN ACCESS EXCLUSIVE MODE");
      List<CompletableFuture<Api.Answer>> answers = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        answers.add(CompletableFuture.supplyAsync(() -> api.submitRaw(session, Api.body("hello"))));
      }
      for (CompletableFuture<Api.Answer> answer : answers) {
        Api.Answer refused = answer.get(60, TimeUnit.SECONDS);
        assertThat(refused.status()).as(refused.body()).isEqualTo(503);
        assertThat(refused.headers().firstValue("Retry-After")).isPresent();
      }
      other.rollback();

      assertThat(api.awaitEnd(api.submit(session, Prompts.say("well again", 1))))
          .isEqualTo("completed");
      assertThat(api.messages(session)).as("what was refused is nothing").hasSize(2);
    }
  }

  @Test
  void slow_commits_make_replies_late_and_nothing_else() {
    String url = postgres.createDatabase();
    try (Gate gate = new Gate(postgres.port());
        Server server =
            Server.setup()
                .env("PERDURE_ENGINE_NODE_LEASE", "60s")
                .start(url.replace(":" + postgres.port() + "/", ":" + gate.port() + "/"))) {
      Api api = server.api();
      String session = api.createSession();
      gate.delay(20);
      List<String> turns = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        turns.add(api.submit(session, Prompts.say(Prompts.words(20), 5)));
      }
      for (String turn : turns) {
        Transcript seen = api.follow(turn);
        assertThat(seen.state()).isEqualTo("completed");
        assertThat(seen.text()).isEqualTo(Prompts.words(20));
        assertThat(seen.events("attempt.started")).hasSize(1);
      }
    }
  }
}
