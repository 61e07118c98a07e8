package dev.perdure.retrieval;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.Caller;
import dev.perdure.db.Database;
import dev.perdure.embedding.Embedder;
import dev.perdure.embedding.GuardedEmbedder;
import dev.perdure.embedding.OpenAiEmbedder;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.Json;
import dev.perdure.provider.BreakerPolicy;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.ProviderSettings;
import dev.perdure.provider.fake.FakeEmbeddings.Fault;
import dev.perdure.provider.fake.FakeProviderServer;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.TransportOptions;
import dev.perdure.retrieval.Chunk.By;
import dev.perdure.retrieval.Retriever.Found;
import dev.perdure.retrieval.Retriever.Query;
import dev.perdure.retrieval.Retriever.Semantic;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Vectors from a piece's arrival to its being found by them, on both databases and a real wire. */
abstract class SemanticContract {
  private static final Caller ANN = new Caller("t", "ann");
  private static final Caller BOB = new Caller("t", "bob");
  private static final EmbeddingLimits LIMITS =
      new EmbeddingLimits(Duration.ofSeconds(30), Duration.ofSeconds(30), 30, 1 << 20);

  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private Instant now = Instant.EPOCH;
  private Database database;
  private FakeProviderServer server;
  private Transport transport;
  private Embedder embedder;
  private EmbeddingWorker worker;
  private Retriever retriever;

  abstract Database open() throws Exception;

  @BeforeEach
  void begin() throws Exception {
    database = open();
    server = FakeProviderServer.onLoopback(InstantSource.system());
    transport = new Transport(TransportOptions.defaults(), InstantSource.system());
    embedder = embedder("fake");
    worker = worker(embedder, "node_a");
    retriever = retriever(LIMITS);
    session("s", ANN);
    session("other", ANN);
  }

  @AfterEach
  void end() {
    transport.close();
    server.close();
    database.close();
  }

  private Embedder embedder(String model) {
    ProviderSettings settings =
        new ProviderSettings("embeddings", URI.create(server.uri() + "/v1"), null);
    return new GuardedEmbedder(
        new OpenAiEmbedder(settings, transport, model, 0, 4),
        new BreakerPolicy(100, 100, 100, Duration.ofSeconds(1), 1),
        InstantSource.system(),
        meters);
  }

  private EmbeddingWorker worker(Embedder with, String node) {
    return new EmbeddingWorker(database, with, LIMITS, node, () -> now, meters);
  }

  private Retriever retriever(EmbeddingLimits limits) {
    return new Retriever(database, new SemanticSearch(database, embedder, limits, meters));
  }

  private void session(String id, Caller owner) {
    database.write(tx ->
        tx.update(
            """
            INSERT INTO session (id, tenant, owner, created_at, updated_at)
            VALUES (?, ?, ?, 0, 0)\
            """,
            id,
            owner.tenant(),
            owner.owner()));
  }

  private Document add(Caller caller, @Nullable String session, String text) throws Exception {
    Document document =
        new Documents(database, Ids.system(), DocumentLimits.DEFAULT, () -> {})
            .add(caller, session, "a.txt", MediaType.TEXT, text.getBytes(UTF_8))
            .document();
    DocumentFeed.indexAll(database);
    return document;
  }

  private void embedAll() throws InterruptedException {
    embedAll(worker);
  }

  private static void embedAll(EmbeddingWorker with) throws InterruptedException {
    while (!with.step().isPositive()) {
      // more
    }
  }

  private Found find(Caller caller, String session, String question) {
    return retriever.find(new Query(caller, session, List.of(question), 0, "none"));
  }

  private static List<String> texts(Found found) {
    return found.chunks().stream().map(Chunk::text).toList();
  }

  private long vectors() {
    return database.<Long>read(
        tx -> tx.one("SELECT COUNT(*) FROM chunk_vector", row -> row.getLong(1)).orElseThrow());
  }

  private void message(String id, @Nullable String parent, int position, String text) {
    String parts =
        Json.MAPPER
            .createArrayNode()
            .add(Json.MAPPER.createObjectNode().put("kind", "text").put("text", text))
            .toString();
    database.write(tx ->
        tx.update(
            """
            INSERT INTO message (id, session_id, turn_id, parent_id, role, position, status,
                                 parts, created_at, updated_at)
            VALUES (?, 's', 'x', ?, 'user', ?, 'complete', ?, 0, 0)\
            """,
            id,
            parent,
            position,
            parts));
  }

  @Test
  void what_shares_no_word_with_the_question_is_found_by_its_vector() throws Exception {
    add(ANN, null, "The automobile is parked behind the barn.");
    add(ANN, null, "Potatoes grow well in sandy soil.");
    assertThat(find(ANN, "s", "vehicle?").semantic()).isEqualTo(Semantic.EMPTY);
    assertThat(find(ANN, "s", "vehicle?").chunks()).isEmpty();
    assertThat(server.embeddings().calls()).isZero();
    embedAll();
    Found found = find(ANN, "s", "vehicle?");
    assertThat(found.semantic()).isEqualTo(Semantic.DONE);
    assertThat(texts(found)).containsExactly("The automobile is parked behind the barn.");
    assertThat(found.chunks().getFirst().hits()).containsExactly(new Chunk.Hit(By.VECTOR, 1));
    assertThat(new Retriever(database).find(new Query(ANN, "s", List.of("vehicle?"), 0, "none")))
        .isEqualTo(new Found(List.of(), Semantic.OFF));
  }

  @Test
  void what_both_searches_find_comes_before_what_one_finds() throws Exception {
    add(
        ANN,
        null,
        "Vehicle, vehicle, vehicle: nothing but gardens, flowers and kitchens around it.");
    add(ANN, null, "The roadster needs repair.");
    add(ANN, null, "The vehicle needs repair.");
    embedAll();
    Found found = find(ANN, "s", "vehicle repair");
    assertThat(texts(found).getFirst()).isEqualTo("The vehicle needs repair.");
    assertThat(found.chunks().getFirst().hits())
        .extracting(Chunk.Hit::by)
        .containsExactly(By.WORDS, By.VECTOR);
    assertThat(texts(found)).contains("The roadster needs repair.");
  }

  @Test
  void nobody_finds_by_vectors_what_is_somebody_elses() throws Exception {
    session("bobs", BOB);
    add(ANN, null, "The salary of Ann");
    add(ANN, "other", "The paycheck of the other session");
    add(BOB, null, "The wages of Bob");
    add(new Caller("t2", "ann"), null, "The earnings of another tenant");
    embedAll();
    assertThat(vectors()).isEqualTo(4);
    assertThat(texts(find(ANN, "s", "salary"))).containsExactly("The salary of Ann");
    assertThat(texts(find(ANN, "other", "salary"))).hasSize(2).doesNotContain("The wages of Bob");
    assertThat(texts(find(BOB, "bobs", "salary"))).containsExactly("The wages of Bob");
    // The id of somebody else's session leads to nothing of it.
    assertThat(texts(find(BOB, "other", "salary"))).containsExactly("The wages of Bob");
    assertThat(texts(find(new Caller("t2", "ann"), "s", "salary")))
        .containsExactly("The earnings of another tenant");
    assertThat(texts(find(new Caller("t2", "bob"), "s", "salary"))).isEmpty();
  }

  @Test
  void messages_are_found_only_before_the_window_and_on_the_branch() throws Exception {
    message("root", null, 0, "My hound is brown.");
    message("edited", "root", 1, "My terrier is green.");
    message("instead", "root", 2, "My puppy is blue.");
    message("late", "instead", 3, "My canine is here.");
    message("last", "late", 4, "Hound?");
    Query query = new Query(ANN, "s", List.of("canine"), 3, "last");
    retriever.find(query);
    embedAll();
    Found found = retriever.find(query);
    assertThat(found.chunks())
        .extracting(Chunk::message)
        .containsExactlyInAnyOrder("root", "instead");
    assertThat(found.chunks().getFirst().role()).isEqualTo("user");
    assertThat(find(ANN, "other", "canine").chunks()).isEmpty();
  }

  @Test
  void what_is_added_or_deleted_later_is_seen_at_once() throws Exception {
    Document first = add(ANN, null, "A physician lives here.");
    embedAll();
    assertThat(texts(find(ANN, "s", "doctor"))).hasSize(1);
    for (int i = 0; i < 9; i++) {
      add(ANN, null, "The surgeon number " + i + " lives there.");
    }
    embedAll();
    assertThat(texts(find(ANN, "s", "doctor"))).hasSize(10);
    new Documents(database, Ids.system(), DocumentLimits.DEFAULT, () -> {}).delete(ANN, first.id());
    assertThat(vectors()).isEqualTo(9);
    assertThat(texts(find(ANN, "s", "doctor")))
        .hasSize(9)
        .doesNotContain("A physician lives here.");
    add(ANN, null, "Another physician.");
    embedAll();
    assertThat(texts(find(ANN, "s", "doctor"))).hasSize(10).contains("Another physician.");
    database.write(tx -> tx.update("UPDATE document SET state = 'failed'"));
    assertThat(texts(find(ANN, "s", "doctor"))).isEmpty();
  }

  @Test
  void what_a_stop_cut_short_is_done_by_the_next_one_and_nothing_twice() throws Exception {
    for (int i = 0; i < 11; i++) {
      add(ANN, null, "Document number " + i + " about the ocean.");
    }
    worker.step();
    assertThat(vectors()).isEqualTo(4);
    worker.close();
    embedAll(worker(embedder, "node_b"));
    assertThat(vectors()).isEqualTo(11);
    assertThat(server.embeddings().texts()).isEqualTo(11);
    assertThat(server.embeddings().twice()).isZero();
  }

  @Test
  void only_one_node_makes_the_vectors_until_its_lease_is_over() throws Exception {
    add(ANN, null, "The ocean is deep.");
    embedAll();
    EmbeddingWorker peer = worker(embedder, "node_b");
    add(ANN, null, "Marine life is rich.");
    assertThat(peer.step()).isEqualTo(EmbeddingWorker.POLL);
    assertThat(vectors()).isEqualTo(1);
    // The first one is dead.
    database.write(tx -> tx.update("UPDATE embedding_model SET lease_until = 1"));
    embedAll(peer);
    assertThat(vectors()).isEqualTo(2);
    now = now.plus(Duration.ofMinutes(1));
    assertThat(worker.step()).isEqualTo(EmbeddingWorker.POLL);
    assertThat(server.embeddings().twice()).isZero();
  }

  @Test
  void another_model_makes_all_vectors_anew_and_the_old_ones_go_when_nobody_uses_them()
      throws Exception {
    add(ANN, null, "A wealthy person");
    add(ANN, null, "An affluent town");
    embedAll();
    embedder = embedder("newer");
    retriever = retriever(LIMITS);
    assertThat(find(ANN, "s", "prosperous").semantic()).isEqualTo(Semantic.EMPTY);
    EmbeddingWorker next = worker(embedder, "node_b");
    embedAll(next);
    assertThat(vectors()).isEqualTo(4);
    assertThat(texts(find(ANN, "s", "prosperous"))).hasSize(2);
    database.write(
        tx -> tx.update("UPDATE embedding_model SET lease_until = 1 WHERE model = 'fake'"));
    now = now.plus(Duration.ofHours(1));
    embedAll(next);
    embedAll(next);
    assertThat(vectors()).isEqualTo(2);
    assertThat(texts(find(ANN, "s", "prosperous"))).hasSize(2);
    assertThat(
            database.<List<String>>read(
                tx -> tx.list("SELECT model FROM embedding_model", row -> row.getString(1))))
        .containsExactly("newer");
  }

  @Test
  void whatever_the_endpoint_answers_the_worker_comes_back_and_finishes() throws Exception {
    add(ANN, null, "The residence of the king");
    add(ANN, null, "The house of the baker");
    embedder.embed(List.of("so that its dimensions are known"), Duration.ofSeconds(30));
    List<Duration> rests = new ArrayList<>();
    for (Fault fault : Fault.values()) {
      if (fault != Fault.NONE && fault != Fault.HANG) {
        server.embeddings().fail(fault, 3);
        rests.add(worker.step());
        assertThat(vectors()).as(fault.name()).isZero();
      }
    }
    assertThat(rests).isSorted().allMatch(rest -> rest.compareTo(Duration.ofSeconds(60)) <= 0);
    assertThat(rests.getFirst()).isEqualTo(Duration.ofMillis(500));
    server.embeddings().fail(Fault.NONE, 0);
    embedAll();
    assertThat(texts(find(ANN, "s", "dwelling"))).hasSize(2);
  }

  @Test
  void a_text_that_the_model_refuses_is_found_by_its_words_and_holds_nobody_up() throws Exception {
    Embedder fine = embedder;
    Embedder touchy =
        new Embedder() {
          @Override
          public String model() {
            return fine.model();
          }

          @Override
          public int batch() {
            return fine.batch();
          }

          @Override
          public List<float[]> embed(List<String> texts, Duration limit) throws ProviderException {
            if (texts.stream().anyMatch(text -> text.contains("poison"))) {
              throw new ProviderException(Kind.INVALID, "Not that one.");
            }
            return fine.embed(texts, limit);
          }
        };
    add(ANN, null, "The poison of the hound");
    add(ANN, null, "A terrier");
    EmbeddingWorker careful = worker(touchy, "node_a");
    embedAll(careful);
    assertThat(vectors()).isEqualTo(2);
    assertThat(texts(find(ANN, "s", "puppy"))).containsExactly("A terrier");
    assertThat(texts(find(ANN, "s", "poison"))).contains("The poison of the hound");
    long calls = server.embeddings().calls();
    embedAll(careful);
    assertThat(server.embeddings().calls()).isEqualTo(calls);
  }

  @Test
  void a_question_whose_vector_is_late_or_fails_is_searched_by_its_words() throws Exception {
    add(ANN, null, "The doctor is out.");
    embedAll();
    server.embeddings().fail(Fault.ERROR, 1);
    Found failed = find(ANN, "s", "Is the doctor in?");
    assertThat(failed.semantic()).isEqualTo(Semantic.FAILED);
    assertThat(failed.chunks().getFirst().hits()).containsExactly(new Chunk.Hit(By.WORDS, 1));
    // Asked again it is answered, and from then on remembered.
    assertThat(find(ANN, "s", "Is the doctor in?").semantic()).isEqualTo(Semantic.DONE);
    long calls = server.embeddings().calls();
    assertThat(find(ANN, "s", "Is the doctor in?").semantic()).isEqualTo(Semantic.DONE);
    assertThat(server.embeddings().calls()).isEqualTo(calls);
    retriever =
        retriever(new EmbeddingLimits(Duration.ofSeconds(30), Duration.ofMillis(1), 30, 1 << 20));
    server.embeddings().fail(Fault.HANG, 1);
    Found late = find(ANN, "s", "Has the doctor been?");
    assertThat(late.semantic()).isEqualTo(Semantic.LATE);
    assertThat(texts(late)).containsExactly("The doctor is out.");
    assertThat(meters.counter("perdure.embedding.questions", "outcome", "late").count())
        .isEqualTo(1);
  }

  @Test
  void a_scope_with_more_vectors_than_there_is_room_for_is_searched_by_its_newest()
      throws Exception {
    for (int i = 0; i < 8; i++) {
      add(ANN, null, "The puppy number " + i);
    }
    embedAll();
    retriever =
        retriever(new EmbeddingLimits(Duration.ofSeconds(30), Duration.ofSeconds(30), 30, 6 * 272));
    assertThat(texts(find(ANN, "s", "canine")))
        .containsExactlyInAnyOrder(
            "The puppy number 5", "The puppy number 6", "The puppy number 7");
    add(ANN, null, "The puppy number 8");
    embedAll();
    assertThat(texts(find(ANN, "s", "canine"))).contains("The puppy number 8");
  }

  @Test
  void a_worker_that_runs_by_itself_finds_new_pieces_and_ends_when_told() throws Exception {
    add(ANN, null, "An ocean of time");
    worker.start();
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (vectors() == 0 && System.nanoTime() < deadline) {
      Thread.onSpinWait();
    }
    assertThat(texts(find(ANN, "s", "seawater"))).hasSize(1);
    // A call that hangs does not keep it from ending.
    server.embeddings().fail(Fault.HANG, 1);
    long calls = server.embeddings().calls();
    add(ANN, null, "An ocean of money");
    while (server.embeddings().calls() == calls && System.nanoTime() < deadline) {
      Thread.onSpinWait();
    }
    worker.close();
    assertThat(vectors()).isEqualTo(1);
  }

  @Test
  void a_search_begins_without_waiting_for_its_vector() throws Exception {
    add(ANN, "s", "Cars are parked behind the house.");
    embedAll();
    CountDownLatch slow = new CountDownLatch(1);
    Embedder held =
        new Embedder() {
          @Override
          public String model() {
            return embedder.model();
          }

          @Override
          public int batch() {
            return embedder.batch();
          }

          @Override
          public List<float[]> embed(List<String> texts, Duration limit) throws ProviderException {
            try {
              slow.await();
            } catch (InterruptedException e) {
              throw new IllegalStateException(e);
            }
            return embedder.embed(texts, limit);
          }
        };
    EmbeddingLimits patient =
        new EmbeddingLimits(LIMITS.call(), Duration.ofSeconds(30), 0, LIMITS.cacheBytes());
    Retriever.Search search =
        new Retriever(database, new SemanticSearch(database, held, patient, meters))
            .begin(new Query(ANN, "s", List.of("vehicle?"), 0, "none"));
    slow.countDown();
    search.await();
    assertThat(search.found().semantic()).isEqualTo(Semantic.DONE);
  }
}
