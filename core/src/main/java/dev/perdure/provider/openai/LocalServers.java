package dev.perdure.provider.openai;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.provider.http.JsonGet;
import dev.perdure.provider.http.Transport;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/**
 * Looks for servers on loopback that speak chat completions: Ollama, LM Studio, llama.cpp and vLLM
 * on their usual ports. Stateless.
 *
 * <p>One counts if {@code GET /v1/models} answers with a list of models in which there is one that
 * can chat. Perdure has no such list, and its own port is left out besides.
 */
public final class LocalServers {
  private static final Duration LIMIT = Duration.ofMillis(300);
  private static final int MAX_MODELS = 1000;
  private static final int MAX_MODEL_CHARS = 200;

  private static final List<Candidate> CANDIDATES =
      List.of(
          new Candidate("ollama", 11434),
          new Candidate("lmstudio", 1234),
          new Candidate("llamacpp", 8080),
          new Candidate("vllm", 8000));

  private LocalServers() {}

  /** A name for a provider, and where its server usually is. */
  record Candidate(String name, int port) {}

  /**
   * A server that answered.
   *
   * @param name for the provider
   * @param baseUrl for its settings
   * @param models at least one, in the server's order; those for embeddings are left out
   */
  public record LocalServer(String name, URI baseUrl, List<String> models) {
    public LocalServer {
      models = List.copyOf(models);
    }
  }

  /**
   * Asks all of them at once; takes no longer than a moment.
   *
   * @param ownPorts where Perdure itself listens
   */
  public static List<LocalServer> detect(Transport transport, Set<Integer> ownPorts) {
    return detect(transport, CANDIDATES, ownPorts, LIMIT);
  }

  static List<LocalServer> detect(
      Transport transport, List<Candidate> candidates, Set<Integer> ownPorts, Duration limit) {
    Executor threads = task -> Thread.ofVirtual().name("perdure-probe").start(task);
    List<CompletableFuture<Optional<LocalServer>>> probes = new ArrayList<>();
    for (Candidate candidate : candidates) {
      if (!ownPorts.contains(candidate.port())) {
        probes.add(
            CompletableFuture.supplyAsync(() -> probe(transport, candidate, limit), threads));
      }
    }
    return probes.stream().map(CompletableFuture::join).flatMap(Optional::stream).toList();
  }

  private static Optional<LocalServer> probe(
      Transport transport, Candidate candidate, Duration limit) {
    URI base = URI.create("http://127.0.0.1:" + candidate.port() + "/v1");
    return JsonGet.get(transport, URI.create(base + "/models"), limit)
        .map(LocalServers::models)
        .filter(models -> !models.isEmpty())
        .map(models -> new LocalServer(candidate.name(), base, models));
  }

  private static List<String> models(JsonNode list) {
    List<String> models = new ArrayList<>();
    for (JsonNode model : list.path("data")) {
      String id = model.path("id").asText("");
      boolean chats = !id.toLowerCase(Locale.ROOT).contains("embed");
      if (chats && id.matches("[!-~]{1," + MAX_MODEL_CHARS + "}") && models.size() < MAX_MODELS) {
        models.add(id);
      }
    }
    return models;
  }
}
