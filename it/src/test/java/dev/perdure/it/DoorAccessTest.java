package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.errors.NotFoundException;
import com.openai.errors.RateLimitException;
import com.openai.errors.UnauthorizedException;
import com.openai.errors.UnexpectedStatusCodeException;
import com.openai.models.responses.ResponseCreateParams;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** The official OpenAI clients and a server that asks for credentials: which errors they throw. */
class DoorAccessTest {
  private static final String ANN = "annas-key-of-24-characters";
  private static final String BOB = "bobs-key-of-24-characters-";

  @TempDir static Path data;
  static FakeProvider fake;
  static Server server;

  @BeforeAll
  static void start() {
    fake = FakeProvider.start();
    server =
        Server.setup()
            .providers(fake)
            .env("PERDURE_API_KEYS", "acme/ann:" + ANN + ",acme/bob:" + BOB)
            .env("PERDURE_ENGINE_MAX_OPEN_TURNS_PER_CALLER", "1")
            .start(data);
  }

  @AfterAll
  static void stop() {
    server.close();
    fake.close();
  }

  @TestFactory
  Stream<DynamicTest> the_openai_client_for_node() {
    return NodeScript.run("openai-access.mjs", server.url(), what -> server.url());
  }

  private static OpenAIClient client(String key) {
    return OpenAIOkHttpClient.builder()
        .apiKey(key)
        .baseUrl(server.url() + "/openai/v1")
        .maxRetries(0)
        .build();
  }

  private static ResponseCreateParams.Builder ask(String text) {
    return ResponseCreateParams.builder().model("openai/fake").input(text);
  }

  @Test
  void the_client_for_java_has_an_exception_for_each() {
    OpenAIClient ann = client(ANN);
    OpenAIClient bob = client(BOB);
    OpenAIClient nobody = client("wrong");
    assertThatThrownBy(() -> nobody.models().list()).isInstanceOf(UnauthorizedException.class);
    String id = bob.responses().create(ask(Prompts.say("mine", 1)).build()).id();
    assertThatThrownBy(() -> ann.responses().retrieve(id)).isInstanceOf(NotFoundException.class);
    String key = "Idempotency-Key";
    String once =
        bob.responses()
            .create(ask(Prompts.say("one", 1)).putAdditionalHeader(key, "k").build())
            .id();
    assertThat(once).isNotEqualTo(id);
    assertThatThrownBy(
            () -> bob.responses().create(ask("other").putAdditionalHeader(key, "k").build()))
        .isInstanceOfSatisfying(
            UnexpectedStatusCodeException.class, e -> assertThat(e.statusCode()).isEqualTo(409));
    String running =
        bob.responses()
            .create(ask(Prompts.say(Prompts.words(3000), 20)).background(true).build())
            .id();
    assertThatThrownBy(() -> bob.responses().create(ask("more").build()))
        .isInstanceOfSatisfying(
            RateLimitException.class,
            e -> assertThat(e.headers().values("retry-after")).isNotEmpty());
    bob.responses().cancel(running);
    ann.close();
    bob.close();
    nobody.close();
  }
}
