package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.responses.Response;
import com.openai.models.responses.ResponseCreateParams;
import com.openai.models.responses.ResponseRetrieveParams;
import com.openai.models.responses.ResponseStatus;
import com.openai.models.responses.ResponseStreamEvent;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The official OpenAI client for Java, which checks what it is sent when it is asked to. */
class OpenAiJavaTest {
  private static final String TEXT = Prompts.words(20);

  @TempDir static Path data;
  static FakeProvider fake;
  static Server server;
  static OpenAIClient client;

  @BeforeAll
  static void start() {
    fake = FakeProvider.start();
    server = Server.setup().providers(fake).start(data);
    client =
        OpenAIOkHttpClient.builder()
            .apiKey("any")
            .baseUrl(server.url() + "/openai/v1")
            .maxRetries(0)
            .build();
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
    fake.close();
  }

  private static ResponseCreateParams.Builder ask(String text) {
    return ResponseCreateParams.builder().model("openai/fake").input(text);
  }

  private static String text(Response response) {
    return response.output().stream()
        .flatMap(item -> item.message().stream())
        .flatMap(message -> message.content().stream())
        .flatMap(content -> content.outputText().stream())
        .map(output -> output.text())
        .collect(Collectors.joining());
  }

  @Test
  void a_response_is_waited_for_and_retrieved() {
    Response response = client.responses().create(ask(Prompts.say(TEXT, 1)).build()).validate();
    assertThat(response.status()).contains(ResponseStatus.COMPLETED);
    assertThat(text(response)).isEqualTo(TEXT);
    assertThat(client.responses().retrieve(response.id()).validate()).isEqualTo(response);
  }

  @Test
  void a_stream_is_left_and_resumed_and_a_failed_attempt_does_not_count() {
    ResponseCreateParams params =
        ask(Prompts.say(TEXT, 1, "/error 529 at 10")).background(true).build();
    String id;
    try (StreamResponse<ResponseStreamEvent> stream = client.responses().createStreaming(params)) {
      id = stream.stream().findFirst().orElseThrow().asCreated().response().id();
    }
    List<ResponseStreamEvent> rest;
    try (StreamResponse<ResponseStreamEvent> stream =
        client
            .responses()
            .retrieveStreaming(
                ResponseRetrieveParams.builder().responseId(id).startingAfter(0).build())) {
      rest = stream.stream().map(ResponseStreamEvent::validate).toList();
    }
    assertThat(rest.getFirst().queued()).isPresent();
    assertThat(rest.stream().filter(ResponseStreamEvent::isOutputItemDone)).hasSize(2);
    Response end = rest.getLast().asCompleted().response();
    assertThat(text(end)).isEqualTo(TEXT);
    assertThat(end.output()).hasSize(1);
  }

  @Test
  void a_cancelled_response_says_so() {
    Response begun =
        client
            .responses()
            .create(ask(Prompts.say(Prompts.words(2000), 20)).background(true).build());
    Response cancelled = client.responses().cancel(begun.id()).validate();
    assertThat(cancelled.status()).contains(ResponseStatus.CANCELLED);
  }

  @Test
  void refusals_have_their_exceptions() {
    assertThatThrownBy(() -> client.responses().retrieve("resp_00000000000000000000000000"))
        .isInstanceOf(NotFoundException.class);
    assertThatThrownBy(() -> client.responses().create(ask(" ").build()))
        .isInstanceOfSatisfying(
            BadRequestException.class, e -> assertThat(e.param()).contains("input"));
  }

  @Test
  void a_chat_completion_works() {
    ChatCompletionCreateParams params =
        ChatCompletionCreateParams.builder()
            .model("openai/fake")
            .addUserMessage(Prompts.say(TEXT, 1))
            .build();
    assertThat(
            client
                .chat()
                .completions()
                .create(params)
                .validate()
                .choices()
                .getFirst()
                .message()
                .content())
        .contains(TEXT);
  }
}
