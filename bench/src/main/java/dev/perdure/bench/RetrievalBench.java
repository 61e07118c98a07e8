package dev.perdure.bench;

import dev.perdure.chat.Caller;
import dev.perdure.db.Database;
import dev.perdure.db.PostgresDatabase;
import dev.perdure.db.PostgresOptions;
import dev.perdure.db.SqliteDatabase;
import dev.perdure.embedding.Embedder;
import dev.perdure.retrieval.EmbeddingLimits;
import dev.perdure.retrieval.EmbeddingWorker;
import dev.perdure.retrieval.Retriever;
import dev.perdure.retrieval.SemanticSearch;
import dev.perdure.testing.EmbeddedPostgresServer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * How long it takes to find what matters to a question in one session of many messages, one
 * question after the other. Words are as frequent as in a language (Zipf): some are in every
 * message, most in a few. With and without vectors in turn, so that both have the same machine; the
 * vectors are random ones that are made at once, since what an embedder takes is its own affair.
 */
final class RetrievalBench {
  private static final int MESSAGES = 10_000;
  private static final int WORDS_PER_MESSAGE = 60;
  private static final int WORDS_PER_QUESTION = 8;
  private static final int VOCABULARY = 20_000;
  private static final int WARM_UP = 50;
  private static final int QUESTIONS = 200;
  private static final int ROWS_AT_ONCE = 500;
  private static final int DIMENSIONS = 384;
  private static final int KINDS = 10;

  /** No question goes without its vector. */
  private static final EmbeddingLimits LIMITS =
      new EmbeddingLimits(Duration.ofSeconds(30), Duration.ofSeconds(30), 30, 64L * 1024 * 1024);

  private static final Caller OWNER = new Caller("t", "o");
  private static final String SESSION = "sess_bench";

  private final Random random = new Random(1);

  private RetrievalBench() {}

  static int run(List<String> args) throws IOException, InterruptedException {
    if (!args.isEmpty()) {
      throw new IllegalArgumentException("'retrieval' takes no options.");
    }
    System.out.println(
        "| database | indexing, ms per message | embedding, ms per piece | words p50 ms | p99 ms |"
            + " words and vectors p50 ms | p99 ms | ratio of p50 | first ms |");
    System.out.println("|---|---|---|---|---|---|---|---|---|");
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

  private void measure(String name, Database database) throws InterruptedException {
    fill(database);
    Retriever words = new Retriever(database);
    long begun = System.nanoTime();
    long indexed = 0;
    while (indexed < MESSAGES) {
      ask(words);
      indexed = count(database, "SELECT COUNT(DISTINCT message_id) FROM chunk");
    }
    double indexing = (System.nanoTime() - begun) / 1e6 / MESSAGES;
    Embedder embedder = new RandomVectors();
    SimpleMeterRegistry meters = new SimpleMeterRegistry();
    begun = System.nanoTime();
    try (EmbeddingWorker worker =
        new EmbeddingWorker(
            database, embedder, LIMITS, "node_bench", InstantSource.system(), meters)) {
      worker.start();
      while (count(database, "SELECT COUNT(*) FROM chunk_vector") < MESSAGES) {
        Thread.sleep(1);
      }
    }
    double embedding = (System.nanoTime() - begun) / 1e6 / MESSAGES;
    Retriever both =
        new Retriever(database, new SemanticSearch(database, embedder, LIMITS, meters));
    long first = ask(both);
    for (int i = 0; i < WARM_UP; i++) {
      ask(words);
      ask(both);
    }
    Latencies ofWords = new Latencies();
    Latencies ofBoth = new Latencies();
    for (int i = 0; i < QUESTIONS; i++) {
      ofWords.add(ask(words));
      ofBoth.add(ask(both));
    }
    System.out.printf(
        Locale.ROOT,
        "| %s | %.2f | %.2f | %.1f | %.1f | %.1f | %.1f | %.2f | %.1f |%n",
        name,
        indexing,
        embedding,
        ofWords.millis(0.5),
        ofWords.millis(0.99),
        ofBoth.millis(0.5),
        ofBoth.millis(0.99),
        ofBoth.millis(0.5) / ofWords.millis(0.5),
        first / 1e3);
  }

  private static long count(Database database, String sql) {
    return database.<Long>read(tx -> tx.one(sql, row -> row.getLong(1)).orElse(0L));
  }

  /** Of 384 dimensions, as small models have; a question is near to a tenth of the texts. */
  private static final class RandomVectors implements Embedder {
    @Override
    public String model() {
      return "random";
    }

    @Override
    public int batch() {
      return 64;
    }

    @Override
    public List<float[]> embed(List<String> texts, Duration limit) {
      List<float[]> out = new ArrayList<>();
      for (String text : texts) {
        Random numbers = new Random(text.hashCode());
        float[] vector = new float[DIMENSIONS];
        for (int i = 0; i < DIMENSIONS; i++) {
          vector[i] = (float) numbers.nextGaussian();
        }
        // Something that all texts of a kind have in common.
        vector[Math.floorMod(text.hashCode(), KINDS)] += 20;
        out.add(vector);
      }
      return out;
    }
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
