package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Providers that fail, over the three vendors' wires. */
class RetryTest {
  private static final String TEXT = Prompts.words(80);

  @TempDir static Path data;
  static FakeProvider fake;
  static Server server;
  static Api api;

  @BeforeAll
  static void start() {
    fake = FakeProvider.start();
    server =
        Server.setup()
            .providers(fake)
            .env("PERDURE_ENGINE_PROVIDER_FIRST_TOKEN_TIMEOUT", "5s")
            .env("PERDURE_ENGINE_PROVIDER_IDLE_TIMEOUT", "5s")
            .start(data);
    api = server.api();
  }

  @AfterAll
  static void stop() {
    server.close();
    fake.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"openai/o", "anthropic/a", "gemini/g"})
  void a_failure_after_forty_tokens_is_retried_and_only_the_second_try_counts(String model) {
    String session = api.createSession();
    String turn = api.submit(session, Prompts.say(TEXT, 1, "/error 529 at 40"), model);
    Transcript seen = api.follow(turn);

    assertThat(seen.state()).isEqualTo("completed");
    assertThat(seen.events("attempt.started")).hasSize(2);
    assertThat(seen.events("attempt.started").getLast().json().path("reason").asText())
        .isNotEmpty();
    assertThat(seen.text()).isEqualTo(TEXT);
    JsonNode reply = api.reply(session, turn);
    assertThat(Api.text(reply)).isEqualTo(TEXT);
    long reported =
        seen.events("usage").stream().mapToLong(e -> e.json().path("output").asLong()).sum();
    assertThat(reply.path("usage").path("output").asLong()).isEqualTo(reported).isPositive();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/error 500",
        "/error 429 retry 1s",
        "/truncate at 20",
        "/cut at 20",
        "/reset at 20",
        "/garbage at 20",
        "/hang",
        "/hang at 20"
      })
  void every_fault_that_passes_ends_in_the_whole_text(String fault) {
    String session = api.createSession();
    String turn = api.submit(session, Prompts.say(TEXT, 1, fault), "openai/it");

    Transcript seen = api.follow(turn);
    assertThat(seen.state()).isEqualTo("completed");
    assertThat(seen.text()).isEqualTo(TEXT).isEqualTo(Api.text(api.reply(session, turn)));
    assertThat(seen.events("notice")).isNotEmpty();
  }

  @Test
  void a_fault_that_stays_ends_in_a_failure_that_keeps_the_text() {
    String session = api.createSession();
    String turn = api.submit(session, Prompts.say(TEXT, 1, "/truncate at 30 always"), "openai/it");

    Transcript seen = api.follow(turn);
    assertThat(seen.state()).isEqualTo("failed");
    JsonNode reply = api.reply(session, turn);
    assertThat(reply.path("status").asText()).isEqualTo("failed");
    assertThat(reply.path("error").path("code").asText()).isEqualTo("truncated");
    assertThat(Api.text(reply)).isEqualTo(seen.text()).isNotEmpty();
    assertThat(TEXT).startsWith(seen.text());
  }

  @Test
  void a_refusal_that_no_retry_can_mend_is_not_retried() {
    String turn =
        api.submit(api.createSession(), "/error 401 always\nrefused-for-ever", "anthropic/it");

    assertThat(api.awaitEnd(turn)).isEqualTo("failed");
    assertThat(fake.calls("refused-for-ever")).hasSize(1);
    assertThat(server.process().output()).doesNotContain("sk-it-anthropic");
    assertThat(api.follow(turn).events().toString()).doesNotContain("sk-it-anthropic");
  }

  @Test
  void a_fallback_model_takes_over_when_the_first_keeps_failing() {
    String session = api.createSession();
    var body = Api.body("/error 503 always\nfall-back", "openai/it");
    body.withArray("fallbacks").add("demo/demo");
    String turn = Api.turnOf(api.submitRaw(session, body));

    Transcript seen = api.follow(turn);
    assertThat(seen.events("attempt.started").getLast().json().path("model").asText())
        .isEqualTo("demo/demo");
    assertThat(fake.calls("fall-back")).isNotEmpty();
  }

  @Test
  void the_three_wires_give_the_same_text_usage_and_finish_reason() {
    String prompt = Prompts.say("Grüße, 世界 🌍 and the rest", 1, "/length");
    String session = api.createSession();
    String turn = api.submit(session, prompt, "openai/it", "anthropic/it", "gemini/it", "demo/it");

    assertThat(api.awaitEnd(turn)).isEqualTo("completed");
    var replies =
        api.messages(session).stream()
            .filter(m -> m.path("role").asText().equals("assistant"))
            .toList();
    assertThat(replies).hasSize(4);
    for (JsonNode reply : replies) {
      assertThat(Api.text(reply)).isEqualTo("Grüße, 世界 🌍 and the rest");
      assertThat(reply.path("finish").asText()).isEqualTo("length");
      assertThat(reply.path("usage")).isEqualTo(replies.getFirst().path("usage"));
    }
  }
}
