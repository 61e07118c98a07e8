package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.Caller;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Session;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.embedding.Embedder;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.TurnState;
import dev.perdure.retrieval.DocumentFeed;
import dev.perdure.retrieval.DocumentLimits;
import dev.perdure.retrieval.Documents;
import dev.perdure.retrieval.EmbeddingLimits;
import dev.perdure.retrieval.EmbeddingWorker;
import dev.perdure.retrieval.MediaType;
import dev.perdure.retrieval.Retriever;
import dev.perdure.retrieval.SemanticSearch;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Many turns begin while who makes the vectors of their questions hangs, on either database. */
abstract class SlowEmbedderContract extends EngineFixture {
  /** More than may read at the same time, and than there are connections to a database. */
  private static final int MANY = 60;

  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();

  /** Answers until it is told to hang, and then again once it is let go. */
  private static final class Hanging implements Embedder {
    final AtomicInteger hanging = new AtomicInteger();
    final CountDownLatch end = new CountDownLatch(1);
    volatile boolean hangs;

    @Override
    public String model() {
      return "hanging";
    }

    @Override
    public int batch() {
      return 16;
    }

    @Override
    public List<float[]> embed(List<String> texts, Duration limit) {
      if (hangs) {
        hanging.incrementAndGet();
        try {
          end.await();
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      }
      return texts.stream().map(text -> new float[] {1, text.length()}).toList();
    }
  }

  /** A node whose turns wait so long for their vectors; there is one document to be found. */
  private Hanging hanging(Duration question) throws Exception {
    Hanging embedder = new Hanging();
    EmbeddingLimits limits = new EmbeddingLimits(Duration.ofMinutes(5), question, 0, 1 << 20);
    new Documents(database, Ids.system(), DocumentLimits.DEFAULT, () -> {})
        .add(CALLER, null, "a.txt", MediaType.TEXT, "Cars are parked behind it.".getBytes(UTF_8));
    DocumentFeed.indexAll(database);
    try (EmbeddingWorker worker =
        new EmbeddingWorker(
            database, embedder, limits, node.nodeId, InstantSource.system(), meters)) {
      worker.start();
      eventually(() ->
          database.read(
              tx -> tx.one("SELECT 1 FROM chunk_vector LIMIT 1", row -> true).isPresent()));
    }
    embedder.hangs = true;
    node.close();
    node =
        new EngineHarness(
            database,
            provider,
            new Retriever(database, new SemanticSearch(database, embedder, limits, meters)));
    node.engine.start();
    return embedder;
  }

  private List<Turn> submitMany() {
    List<Turn> turns = new ArrayList<>();
    for (int i = 0; i < MANY; i++) {
      script("a", REPLY);
      turns.add(
          node.desk.submit(
              CALLER,
              node.session(),
              EngineHarness.message(
                  "Vehicle " + i,
                  WhenBusy.ENQUEUE,
                  List.of("script/a"),
                  List.of(),
                  Recovery.RESTART),
              null));
    }
    return turns;
  }

  @Test
  void they_go_on_without_their_vectors_when_the_time_for_these_is_over() throws Exception {
    Hanging embedder = hanging(Duration.ofMillis(100));
    for (Turn turn : submitMany()) {
      node.awaitEnd(turn.id());
      assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.COMPLETED);
    }
    assertThat(embedder.end.getCount()).isEqualTo(1);
    assertThat(embedder.hanging).hasValue(MANY);
    embedder.end.countDown();
  }

  @Test
  void they_hold_nothing_that_others_need_while_they_wait() throws Exception {
    Hanging embedder = hanging(Duration.ofMinutes(5));
    List<Turn> turns = submitMany();
    // Had they connections or the places of those who read, not all would have come so far.
    eventually(() -> embedder.hanging.get() == MANY);
    script("a", REPLY);
    Caller other = new Caller("acme", "bob");
    Turn free =
        node.desk.submit(
            other,
            node.desk.createSession(other, Session.Settings.NONE).id(),
            EngineHarness.message(
                "Hi", WhenBusy.ENQUEUE, List.of("script/a"), List.of(), Recovery.RESTART),
            null);
    node.awaitEnd(free.id());
    embedder.end.countDown();
    for (Turn turn : turns) {
      node.awaitEnd(turn.id());
    }
  }
}
