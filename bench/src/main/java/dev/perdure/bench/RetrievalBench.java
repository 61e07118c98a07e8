package dev.perdure.bench;

import dev.perdure.chat.Caller;
import dev.perdure.db.Database;
import dev.perdure.db.PostgresDatabase;
import dev.perdure.db.PostgresOptions;
import dev.perdure.db.SqliteDatabase;
import dev.perdure.retrieval.Retriever;
import dev.perdure.testing.EmbeddedPostgresServer;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * How long it takes to find what matters to a question in one session of many messages, one
 * question after the other. Words are as frequent as in a language (Zipf): some are in every
 * message, most in a few.
 */
final class RetrievalBench {
  private static final int MESSAGES = 10_000;
  private static final int WORDS_PER_MESSAGE = 60;
  private static final int WORDS_PER_QUESTION = 8;
  private static final int VOCABULARY = 20_000;
  private static final int WARM_UP = 50;
  private static final int QUESTIONS = 200;
  private static final int ROWS_AT_ONCE = 500;

  private static final Caller OWNER = new Caller("t", "o");
  private static final String SESSION = "sess_bench";

  private final Random random = new Random(1);

  private RetrievalBench() {}

  static int run(List<String> args) throws IOException {
    if (!args.isEmpty()) {
      throw new IllegalArgumentException("'retrieval' takes no options.");
    }
    System.out.println("| database | indexing, ms per message | p50 ms | p99 ms | max ms |");
    System.out.println("|---|---|---|---|---|");
    try (Database sqlite = SqliteDatabase.open(Files.createTempDirectory("perdure-retrieval-"))) {
      new RetrievalBench().measure("SQLite", sqlite);
    }
    try (EmbeddedPostgresServer server = EmbeddedPostgresServer.start(true);
        Database postgres =
            PostgresDatabase.open(server.createDatabase(), null, null, PostgresOptions.DEFAULT)) {
      new RetrievalBench().measure("PostgreSQL", postgres);
    }
    return 0;
  }

  private void measure(String name, Database database) {
    fill(database);
    Retriever retriever = new Retriever(database);
    long begun = System.nanoTime();
    long indexed = 0;
    while (indexed < MESSAGES) {
      ask(retriever);
      indexed =
          database.read(tx ->
              tx.one("SELECT COUNT(DISTINCT message_id) FROM chunk", row -> row.getLong(1))
                  .orElse(0L));
    }
    double indexing = (System.nanoTime() - begun) / 1e6 / MESSAGES;
    for (int i = 0; i < WARM_UP; i++) {
      ask(retriever);
    }
    Latencies latencies = new Latencies();
    for (int i = 0; i < QUESTIONS; i++) {
      latencies.add(ask(retriever));
    }
    System.out.printf(
        Locale.ROOT,
        "| %s | %.2f | %.1f | %.1f | %.1f |%n",
        name,
        indexing,
        latencies.millis(0.5),
        latencies.millis(0.99),
        latencies.maxMillis());
  }

  /** Asks once; microseconds. */
  private long ask(Retriever retriever) {
    String question = words(WORDS_PER_QUESTION);
    String newest = "msg_" + (MESSAGES - 1);
    long begun = System.nanoTime();
    retriever.find(new Retriever.Query(OWNER, SESSION, List.of(question), MESSAGES, newest));
    return (System.nanoTime() - begun) / 1_000;
  }

  private String words(int count) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < count; i++) {
      // The rank is spread evenly on a logarithmic scale, so that its frequency is 1 / rank.
      int rank = (int) Math.pow(VOCABULARY, random.nextDouble());
      out.append('w').append(rank).append(' ');
    }
    return out.toString();
  }

  private void fill(Database database) {
    database.write(tx ->
        tx.update(
            """
            INSERT INTO session (id, tenant, owner, created_at, updated_at)
            VALUES (?, 't', 'o', 0, 0)\
            """,
            SESSION));
    for (int from = 0; from < MESSAGES; from += ROWS_AT_ONCE) {
      List<@Nullable Object[]> rows = new ArrayList<>();
      for (int i = from; i < from + ROWS_AT_ONCE; i++) {
        String parts = "[{\"kind\":\"text\",\"text\":\"" + words(WORDS_PER_MESSAGE) + "\"}]";
        rows.add(
            new @Nullable Object[] {
              "msg_" + i, SESSION, i == 0 ? null : "msg_" + (i - 1), (long) i, parts
            });
      }
      database.write(tx ->
          tx.batch(
              """
              INSERT INTO message (id, session_id, turn_id, parent_id, role, position, status,
                                   parts, created_at, updated_at)
              VALUES (?, ?, 'turn', ?, 'user', ?, 'complete', ?, 0, 0)\
              """,
              rows));
    }
  }
}
