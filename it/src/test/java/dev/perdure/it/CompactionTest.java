package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.testing.EmbeddedPostgresServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Conversations that outgrow their model's window, over all vendors' wires; and servers that die
 * just before and just behind the moment at which a summary is stored.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CompactionTest {
  private static final int KILLED = 137;
  private static final String WINDOWS =
      "openai/*=2048,openai-responses/*=2048,anthropic/*=2048,gemini/*=2048";
  private static final String LONG = Prompts.words(180);
  private static final String LAST = LONG + "\n/pace 0ms\n/echo So it is.";
  private static final String ASKED = "Summarise the conversation";

  @TempDir private Path dir;
  private FakeProvider fake;

  @BeforeAll
  void startProvider() {
    fake = FakeProvider.start();
  }

  @AfterAll
  void stopProvider() {
    fake.close();
  }

  private Server.Setup setup() {
    return Server.setup().providers(fake).env("PERDURE_ENGINE_CONTEXT_WINDOWS", WINDOWS);
  }

  /** A session whose next message will not fit. */
  private static String grown(Api api, String model) {
    String session = api.createSession();
    for (int i = 0; i < 2; i++) {
      String text = "This is river number " + i + ": " + LONG + "\n/pace 0ms\n/echo I see.";
      assertThat(api.awaitEnd(api.submit(session, text, model))).isEqualTo("completed");
    }
    return session;
  }

  private static List<JsonNode> events(Api api, String turn) {
    List<JsonNode> events = new ArrayList<>();
    api.get("/v1/turns/" + turn + "/download")
        .expect(200)
        .body()
        .lines()
        .forEach(line -> events.add(Api.read(line)));
    return events;
  }

  @Test
  void all_wires_sum_up_alike() {
    try (Server server = setup().start(dir.resolve("wires"))) {
      Api api = server.api();
      List<String> seen = new ArrayList<>();
      for (String provider : List.of("openai", "openai-responses", "anthropic", "gemini")) {
        String session = grown(api, provider + "/summing");
        String turn = api.submit(session, LAST, provider + "/summing");
        assertThat(api.awaitEnd(turn)).isEqualTo("completed");
        JsonNode shown = api.get("/v1/turns/" + turn + "/context").json().at("/attempts/0");
        StringBuilder line = new StringBuilder();
        shown.path("sources").forEach(s -> line.append(s.path("kind").textValue()).append(' '));
        line.append(shown.at("/summary/messages")).append(shown.at("/summary/text"));
        events(api, turn).forEach(e -> line.append(' ').append(e.path("type").textValue()));
        line.append(Api.text(api.reply(session, turn)));
        seen.add(line.toString());
      }
      assertThat(seen).allSatisfy(line -> assertThat(line).isEqualTo(seen.getFirst()));
      assertThat(seen.getFirst())
          .startsWith("summary ")
          .contains("This is river number 0")
          .contains("context.compacted")
          .endsWith("So it is.");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sqlite", "postgres"})
  void a_summary_that_is_stored_is_not_made_again_after_a_kill(String database) {
    Path faults = dir.resolve("faults-" + database);
    Server.Setup setup = setup().env("JAVA_TOOL_OPTIONS", "-Dperdure.faults=" + faults);
    try (Server doomed =
        database.equals("sqlite")
            ? setup.start(dir.resolve("kills"))
            : setup.start(EmbeddedPostgresServer.shared().createDatabase())) {
      dies(doomed, faults, "compacting", "openai/before-" + database, 2);
      dies(doomed, faults, "compacted", "openai/behind-" + database, 1);
    }
  }

  private void dies(Server doomed, Path faults, String point, String model, long asked) {
    String session = grown(doomed.api(), model);
    long before = summariesAskedOf(model);
    plan(faults, "crash=" + point);
    // The server looks for its plan every 20 ms.
    String turn = doomed.api().submit(session, LAST, model);
    assertThat(doomed.process().awaitExit()).as(doomed.process().output()).isEqualTo(KILLED);
    plan(faults, "");
    Api api = doomed.startAgain().api();
    assertThat(api.awaitEnd(turn)).isEqualTo("completed");
    assertThat(Api.text(api.reply(session, turn))).isEqualTo("So it is.");
    assertThat(events(api, turn))
        .filteredOn(event -> event.path("type").textValue().equals("context.compacted"))
        .hasSize(1);
    JsonNode shown = api.get("/v1/turns/" + turn + "/context").json().at("/attempts/0");
    assertThat(shown.at("/summary/turn").textValue()).isEqualTo(turn);
    assertThat(summariesAskedOf(model) - before).isEqualTo(asked);
  }

  private long summariesAskedOf(String model) {
    return fake.calls(model.substring("openai/".length())).stream()
        .filter(call -> call.path("prompt").asText().startsWith(ASKED))
        .count();
  }

  private static void plan(Path faults, String fault) {
    try {
      Files.writeString(faults, fault);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
