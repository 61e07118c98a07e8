package dev.perdure.server;

import dev.perdure.db.Database;
import dev.perdure.embedding.Embedder;
import dev.perdure.embedding.GuardedEmbedder;
import dev.perdure.embedding.OpenAiEmbedder;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.ProviderSettings;
import dev.perdure.provider.Secret;
import dev.perdure.provider.http.Transport;
import dev.perdure.retrieval.EmbeddingLimits;
import dev.perdure.retrieval.EmbeddingWorker;
import dev.perdure.retrieval.SemanticSearch;
import dev.perdure.server.config.EmbeddingSettings;
import dev.perdure.server.config.PerdureConfig;
import io.micrometer.core.instrument.MeterRegistry;
import java.net.URI;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/** Who makes the vectors of a server, and finds by them, made of its settings. Thread-safe. */
final class EmbeddingSelection implements AutoCloseable {
  private static final String NAME = "embeddings";

  private record Parts(Embedder embedder, SemanticSearch search, EmbeddingWorker worker) {}

  /** Null if the settings name no model. */
  private final @Nullable Parts parts;

  /**
   * @param node who makes vectors
   * @throws PerdureException CONFIG if there is no model of that name
   */
  EmbeddingSelection(
      PerdureConfig config,
      Transport transport,
      Database database,
      String node,
      InstantSource clock,
      MeterRegistry meters) {
    @Nullable String model = config.embeddings().model();
    if (model == null) {
      parts = null;
      return;
    }
    EmbeddingLimits limits = Limits.embeddings(config);
    Embedder embedder = select(config.embeddings(), model, transport, clock, meters);
    parts =
        new Parts(
            embedder,
            new SemanticSearch(database, embedder, limits, meters),
            new EmbeddingWorker(database, embedder, limits, node, clock, meters));
  }

  /** Finds by vectors; null if there are none. */
  @Nullable SemanticSearch search() {
    return parts == null ? null : parts.search;
  }

  /** Begins to make vectors. */
  void start() {
    if (parts != null) {
      parts.worker.start();
    }
  }

  @Override
  public void close() {
    if (parts != null) {
      parts.worker.close();
      parts.embedder.close();
    }
  }

  private static Embedder select(
      EmbeddingSettings settings,
      String model,
      Transport transport,
      InstantSource clock,
      MeterRegistry meters) {
    @Nullable URI url = settings.baseUrl();
    Embedder embedder = url == null ? ofJar(model) : ofServer(settings, url, model, transport);
    return new GuardedEmbedder(embedder, GuardedEmbedder.POLICY, clock, meters);
  }

  private static Embedder ofServer(
      EmbeddingSettings settings, URI url, String model, Transport transport) {
    dev.perdure.server.config.@Nullable Secret key = settings.apiKey();
    try {
      return new OpenAiEmbedder(
          new ProviderSettings(NAME, url, key == null ? null : new Secret(key.value())),
          transport,
          model,
          settings.dimensions(),
          settings.batch());
    } catch (IllegalArgumentException e) {
      throw illegal(String.valueOf(e.getMessage()));
    }
  }

  private static Embedder ofJar(String model) {
    List<String> others = new ArrayList<>();
    for (Embedder each : ServiceLoader.load(Embedder.class)) {
      if (each.model().equals(model)) {
        return each;
      }
      others.add(each.model());
      each.close();
    }
    throw illegal(
        "no jar on the class path brings the model '"
            + model
            + "'"
            + (others.isEmpty() ? "" : ", only " + String.join(", ", others))
            + ". Set embeddings.baseUrl to a server that has it, or put its jar there.");
  }

  private static PerdureException illegal(String message) {
    return new PerdureException(ErrorCode.CONFIG, "embeddings: " + message);
  }
}
