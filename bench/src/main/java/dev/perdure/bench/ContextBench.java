package dev.perdure.bench;

import dev.perdure.chat.Conversations;
import dev.perdure.chat.Turn;
import dev.perdure.context.ContextBuilder;
import dev.perdure.context.ContextJournal;
import dev.perdure.context.ContextSettings;
import dev.perdure.context.ModelCall;
import dev.perdure.context.Offered;
import dev.perdure.db.Database;
import dev.perdure.db.PostgresDatabase;
import dev.perdure.db.PostgresOptions;
import dev.perdure.db.SqliteDatabase;
import dev.perdure.provider.ModelRequest.Limits;
import dev.perdure.retrieval.Retriever;
import dev.perdure.testing.EmbeddedPostgresServer;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * How long it takes to gather what a model is shown, from nothing but the database, for histories
 * that fit the window: what a cache of it could save at most, once for each call to a model.
 */
final class ContextBench {
  private static final int[] MESSAGES = {2, 20, 100, 500};
  private static final int WORDS = 60;
  private static final int WARM_UP = 200;
  private static final int CALLS = 300;

  private ContextBench() {}

  static int run(List<String> args) throws IOException {
    if (!args.isEmpty()) {
      throw new IllegalArgumentException("'contexts' takes no options.");
    }
    System.out.println("| database | messages shown | p50 ms | p99 ms |");
    System.out.println("|---|---|---|---|");
    try (Database sqlite = SqliteDatabase.open(Files.createTempDirectory("perdure-contexts-"))) {
      measure("SQLite", sqlite);
    }
    try (EmbeddedPostgresServer server = EmbeddedPostgresServer.start(true);
        Database postgres =
            PostgresDatabase.open(server.createDatabase(), null, null, PostgresOptions.DEFAULT)) {
      measure("PostgreSQL", postgres);
    }
    return 0;
  }

  private static void measure(String name, Database database) {
    try (ContextJournal journal = new ContextJournal(database)) {
      ContextBuilder contexts =
          new ContextBuilder(database, ContextSettings.DEFAULT, journal, new Retriever(database));
      for (int messages : MESSAGES) {
        Turn turn = fill(database, messages);
        ModelCall call =
            new ModelCall(0, 0, 1, "gemini/gemini-2.5-pro", Limits.DEFAULT, null, Offered.NONE);
        for (int i = 0; i < WARM_UP; i++) {
          contexts.build(turn, call);
        }
        Latencies latencies = new Latencies();
        for (int i = 0; i < CALLS; i++) {
          long begun = System.nanoTime();
          contexts.build(turn, call);
          latencies.add((System.nanoTime() - begun) / 1_000);
        }
        System.out.printf(
            Locale.ROOT,
            "| %s | %d | %.2f | %.2f |%n",
            name,
            messages,
            latencies.millis(0.5),
            latencies.millis(0.99));
      }
    }
  }

  /** A session of so many messages, the last of which is to be answered. */
  private static Turn fill(Database database, int messages) {
    String session = "sess_" + messages;
    String turn = "turn_" + messages;
    String text = "word ".repeat(WORDS);
    List<@Nullable Object[]> rows = new ArrayList<>();
    for (int i = 0; i < messages; i++) {
      rows.add(
          new @Nullable Object[] {
            session + "_" + i,
            session,
            turn,
            i == 0 ? null : session + "_" + (i - 1),
            i % 2 == messages % 2 ? "assistant" : "user",
            (long) i,
            "[{\"kind\":\"text\",\"text\":\"" + i + ' ' + text + "\"}]"
          });
    }
    return database.write(tx -> {
      tx.update(
          """
          INSERT INTO session (id, tenant, owner, created_at, updated_at)
          VALUES (?, 't', 'o', 0, 0)\
          """,
          session);
      tx.batch(
          """
          INSERT INTO message (id, session_id, turn_id, parent_id, role, position, status, parts,
                               created_at, updated_at)
          VALUES (?, ?, ?, ?, ?, ?, 'complete', ?, 0, 0)\
          """,
          rows);
      tx.update(
          """
          INSERT INTO turn (id, session_id, tenant, owner, user_message, state, position, epoch,
                            request, created_at)
          VALUES (?, ?, 't', 'o', ?, 'running', 0, 1,
                  '{"models":["x/y"],"fallbacks":[],"params":{},"recovery":"RESTART"}', 0)\
          """,
          turn,
          session,
          session + "_" + (messages - 1));
      return Conversations.unscoped(tx, turn).orElseThrow();
    });
  }
}
