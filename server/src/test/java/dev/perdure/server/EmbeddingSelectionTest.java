package dev.perdure.server;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.chat.Caller;
import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.TransportOptions;
import dev.perdure.retrieval.Chunk;
import dev.perdure.retrieval.DocumentLimits;
import dev.perdure.retrieval.Documents;
import dev.perdure.retrieval.Indexer;
import dev.perdure.retrieval.MediaType;
import dev.perdure.retrieval.Retriever;
import dev.perdure.server.config.ConfigLoader;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddingSelectionTest {
  private static final Path PAGE = Path.of("..", "docs", "guide", "context.md");
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @TempDir private Path directory;
  private Database database;
  private Transport transport;

  @BeforeEach
  void begin() {
    database = ReadyDatabases.sqlite(directory);
    transport = new Transport(TransportOptions.defaults(), InstantSource.system());
  }

  @AfterEach
  void end() {
    transport.close();
    database.close();
  }

  private EmbeddingSelection selection(Map<String, String> env) {
    return new EmbeddingSelection(
        ConfigLoader.load(List.of(), env, directory),
        transport,
        database,
        "node_a",
        InstantSource.system(),
        new SimpleMeterRegistry());
  }

  @Test
  void nothing_is_found_by_vectors_unless_a_model_is_set() {
    try (EmbeddingSelection selection = selection(Map.of())) {
      selection.start();
      assertThat(selection.search()).isNull();
    }
  }

  @Test
  void a_model_that_is_nowhere_stops_the_start_and_says_which_there_are() {
    assertThatThrownBy(() -> selection(Map.of("PERDURE_EMBEDDINGS_MODEL", "minilm")))
        .isInstanceOfSatisfying(
            PerdureException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CONFIG))
        .hasMessageContaining("'minilm', only trigrams");
    assertThatThrownBy(
            () -> selection(Map.of("PERDURE_EMBEDDINGS_BASE_URL", "http://127.0.0.1:1/v1")))
        .hasMessageContaining("embeddings.model is missing");
  }

  @Test
  void the_class_of_the_page_is_the_one_that_is_run() throws Exception {
    String file =
        Files.readString(Path.of("src/test/java/dev/perdure/server/TrigramEmbedder.java"));
    assertThat(Files.readString(PAGE))
        .contains("```java\n" + file.substring(file.indexOf("public final class")) + "```");
    Caller owner = new Caller("t", "o");
    InstantSource clock = InstantSource.system();
    try (EmbeddingSelection selection = selection(Map.of("PERDURE_EMBEDDINGS_MODEL", "trigrams"));
        Indexer indexer = new Indexer(database, DocumentLimits.DEFAULT, clock)) {
      selection.start();
      indexer.start();
      new Documents(database, Ids.system(), DocumentLimits.DEFAULT, indexer::wake)
          .add(owner, null, "a.txt", MediaType.TEXT, "Notes on management".getBytes(UTF_8));
      Retriever retriever = new Retriever(database, selection.search());
      Retriever.Query query = new Retriever.Query(owner, "s", List.of("managment nots"), 0, "x");
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      List<Chunk> found = List.of();
      while (found.isEmpty() && System.nanoTime() < deadline) {
        found = retriever.find(query).chunks();
        Thread.onSpinWait();
      }
      assertThat(found).extracting(Chunk::text).containsExactly("Notes on management");
    }
  }
}
