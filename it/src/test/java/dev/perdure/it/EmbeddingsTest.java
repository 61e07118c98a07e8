package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Vectors of the packaged server, made over the wire by a process of their own. */
class EmbeddingsTest {
  private static final int DOCUMENTS = 12;

  @TempDir Path data;

  private static Server.Setup setup(FakeProvider fake) {
    return Server.setup()
        .env("PERDURE_EMBEDDINGS_MODEL", "fake")
        .env("PERDURE_EMBEDDINGS_BASE_URL", fake.url() + "/v1")
        .env("PERDURE_EMBEDDINGS_API_KEY", "sk-it-embeddings")
        .env("PERDURE_EMBEDDINGS_BATCH", "2")
        .env("PERDURE_EMBEDDINGS_QUESTION_TIMEOUT", "20s");
  }

  private static void add(Api api, String text) {
    api.post("/v1/documents?name=a.txt", text, "Content-Type", "text/plain").expect(201);
  }

  private static JsonNode counted(FakeProvider fake) {
    return new Api(fake.url()).get("/__embeddings").expect(200).json();
  }

  private static void fail(FakeProvider fake, String fault, int times) {
    new Api(fake.url())
        .post("/__embeddings?fault=" + fault + "&times=" + times, "", "X-None", "1")
        .expect(204);
  }

  /** What one turn of a new session was shown. */
  private static JsonNode shown(Api api, String question) {
    String turn = api.submit(api.createSession(), question);
    assertThat(api.awaitEnd(turn)).isEqualTo("completed");
    return Await.until(
        "the record of what was shown",
        () -> {
          JsonNode context = api.get("/v1/turns/" + turn + "/context").json();
          return context.path("attempts").isEmpty() ? null : context.at("/attempts/0");
        });
  }

  private static List<String> foundBy(JsonNode attempt) {
    List<String> out = new ArrayList<>();
    for (JsonNode source : attempt.path("sources")) {
      if (source.path("kind").asText().equals("document")) {
        out.add(String.join("+", source.path("foundBy").findValuesAsText("by")));
      }
    }
    return out;
  }

  @Test
  void what_was_begun_before_a_kill_is_finished_after_it_and_found_by_its_meaning() {
    try (FakeProvider fake = FakeProvider.start();
        Server server = setup(fake).start(data)) {
      Api api = server.api();
      for (int i = 0; i < DOCUMENTS; i++) {
        add(api, "Document number " + i + " tells of the automobile.");
      }
      Await.until("a first batch", () -> counted(fake).path("texts").asInt() > 0 ? true : null);
      // It dies in a call, the next one finds its work in the rows.
      fail(fake, "hang", 1);
      server.kill();
      fail(fake, "none", 0);
      Api again = server.startAgain().api();
      Await.until(
          "all vectors",
          () ->
              (counted(fake).path("texts").asInt() >= DOCUMENTS && pending(again) == 0)
                  ? true
                  : null);
      JsonNode attempt = shown(again, "vehicle");
      assertThat(attempt.path("semanticSearch").asText()).isEqualTo("done");
      assertThat(foundBy(attempt)).hasSize(DOCUMENTS).containsOnly("vector");

      // The kill may have cost the batch that was under way, and no more.
      assertThat(counted(fake).path("twice").asInt()).isLessThanOrEqualTo(2);
      assertThat(again.get("/metrics").body()).doesNotContain("sk-it-embeddings");

      fail(fake, "error", 1);
      JsonNode byWords = shown(again, "Which number has the other automobile?");
      assertThat(byWords.path("semanticSearch").asText()).isEqualTo("failed");
      assertThat(foundBy(byWords)).isNotEmpty().containsOnly("words");
    }
  }

  private static double pending(Api api) {
    return api.get("/metrics")
        .body()
        .lines()
        .filter(line -> line.startsWith("perdure_embedding_pending "))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
        .sum();
  }
}
