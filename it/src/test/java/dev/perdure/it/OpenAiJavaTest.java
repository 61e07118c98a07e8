package dev.perdure.it;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.errors.OpenAIException;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.responses.Response;
import com.openai.models.responses.ResponseCreateParams;
import com.openai.models.responses.ResponseRetrieveParams;
import com.openai.models.responses.ResponseStatus;
import com.openai.models.responses.ResponseStreamEvent;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The official OpenAI client for Java, which checks what it is sent when it is asked to. */
class OpenAiJavaTest {
  private static final String TEXT = Prompts.words(20);

  /** In mid-reply, so that a slow machine sees it run. */
  private static final String PAUSE = "/stall 5s at 10";

  @TempDir static Path data;
  static FakeProvider fake;
  static Server server;
  static OpenAIClient client;

  @BeforeAll
  static void start() {
    fake = FakeProvider.start();
    server = Server.setup().providers(fake).env("PERDURE_ENGINE_DRAIN_GRACE", "100ms").start(data);
    client = client();
  }

  private static OpenAIClient client() {
    return OpenAIOkHttpClient.builder()
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

  private static String turn(String response) {
    return "turn_" + response.substring("resp_".length());
  }

  /** The text of the reply as it is stored. */
  private static String stored(String response) {
    Api api = server.api();
    String session = api.turn(turn(response)).path("session").asText();
    return Api.text(api.reply(session, turn(response)));
  }

  private static List<ResponseStreamEvent> after(String id, long number) {
    ResponseRetrieveParams params =
        ResponseRetrieveParams.builder().responseId(id).startingAfter(number).build();
    try (StreamResponse<ResponseStreamEvent> stream =
        client.responses().retrieveStreaming(params)) {
      return stream.stream().map(ResponseStreamEvent::validate).toList();
    }
  }

  private static long number(ResponseStreamEvent event) {
    JsonNode json = event._json().orElseThrow().convert(JsonNode.class);
    return requireNonNull(json).path("sequence_number").asLong();
  }

  private static void assertDense(List<ResponseStreamEvent> events) {
    assertThat(events.stream().map(OpenAiJavaTest::number).toList())
        .isEqualTo(IntStream.range(0, events.size()).mapToObj(Long::valueOf).toList());
  }

  /** Begins a response in the background and leaves with its first event. */
  private static ResponseStreamEvent begin(String prompt) {
    ResponseCreateParams params = ask(prompt).background(true).build();
    try (StreamResponse<ResponseStreamEvent> stream = client.responses().createStreaming(params)) {
      return stream.stream().findFirst().orElseThrow();
    }
  }

  private static String idOf(ResponseStreamEvent created) {
    return created.asCreated().response().id();
  }

  @Test
  void a_response_is_waited_for_and_retrieved() {
    Response response = client.responses().create(ask(Prompts.say(TEXT, 1)).build()).validate();
    assertThat(response.status()).contains(ResponseStatus.COMPLETED);
    assertThat(text(response)).isEqualTo(TEXT).isEqualTo(stored(response.id()));
    assertThat(client.responses().retrieve(response.id()).validate()).isEqualTo(response);
  }

  @Test
  void a_stream_is_live_and_whole() {
    List<ResponseStreamEvent> events = new ArrayList<>();
    List<String> states = new ArrayList<>();
    try (StreamResponse<ResponseStreamEvent> stream =
        client.responses().createStreaming(ask(Prompts.say(TEXT, 10, PAUSE)).build())) {
      stream.stream()
          .forEach(event -> {
            events.add(event.validate());
            if (event.isOutputTextDelta() && states.isEmpty()) {
              states.add(server.api().state(turn(idOf(events.getFirst()))));
            }
          });
    }
    assertThat(states).containsExactly("running");
    assertDense(events);
    Response end = events.getLast().asCompleted().response();
    assertThat(text(end)).isEqualTo(TEXT).isEqualTo(stored(end.id()));
  }

  @Test
  void a_stream_that_is_left_at_every_event_is_resumed_there() {
    List<ResponseStreamEvent> events = new ArrayList<>();
    events.add(begin(Prompts.say(TEXT, 5)));
    String id = idOf(events.getFirst());
    while (!events.getLast().isCompleted()) {
      ResponseRetrieveParams next =
          ResponseRetrieveParams.builder()
              .responseId(id)
              .startingAfter(number(events.getLast()))
              .build();
      try (StreamResponse<ResponseStreamEvent> stream =
          client.responses().retrieveStreaming(next)) {
        events.add(stream.stream().findFirst().orElseThrow().validate());
      }
    }
    assertDense(events);
    assertThat(text(events.getLast().asCompleted().response()))
        .isEqualTo(TEXT)
        .isEqualTo(stored(id));
    assertThat(after(id, 0)).isEqualTo(events.subList(1, events.size()));
  }

  @Test
  void a_client_that_starts_anew_has_the_text_so_far_and_goes_on() {
    String prompt = Prompts.say(Prompts.words(100), 10, PAUSE);
    String id = client.responses().create(ask(prompt).background(true).build()).id();
    OpenAIClient anew = client();
    Response now =
        Await.until(
            "some text",
            () ->
                Optional.of(anew.responses().retrieve(id))
                    .filter(response -> !text(response).isEmpty())
                    .orElse(null));
    assertThat(now.validate().status()).contains(ResponseStatus.IN_PROGRESS);
    assertThat(Prompts.words(100)).startsWith(text(now));
    anew.close();
    Response end = after(id, 0).getLast().asCompleted().response();
    assertThat(text(end)).isEqualTo(Prompts.words(100)).isEqualTo(stored(id));
  }

  @Test
  void a_reply_that_was_finished_while_nobody_looked_is_there() {
    String id = idOf(begin(Prompts.say(TEXT, 5)));
    assertThat(server.api().awaitEnd(turn(id))).isEqualTo("completed");
    assertThat(text(client.responses().retrieve(id))).isEqualTo(TEXT).isEqualTo(stored(id));
    Response end = after(id, 0).getLast().asCompleted().response();
    assertThat(text(end)).isEqualTo(TEXT);
  }

  @Test
  void a_request_with_a_key_is_one_response_however_often_it_is_sent() {
    ResponseCreateParams params =
        ask(Prompts.say("once", 1)).putAdditionalHeader("Idempotency-Key", "java-1").build();
    String id = client.responses().create(params).id();
    assertThat(client.responses().create(params).id()).isEqualTo(id);
    String session = server.api().turn(turn(id)).path("session").asText();
    assertThat(server.api().messages(session)).hasSize(2);
    assertThat(stored(id)).isEqualTo("once");
  }

  @Test
  void a_stream_is_left_and_resumed_and_a_failed_attempt_does_not_count() {
    String id = idOf(begin(Prompts.say(TEXT, 1, "/error 529 at 10")));
    List<ResponseStreamEvent> rest = after(id, 0);
    assertThat(rest.getFirst().queued()).isPresent();
    assertThat(rest.stream().filter(ResponseStreamEvent::isOutputItemDone)).hasSize(2);
    Response end = rest.getLast().asCompleted().response();
    assertThat(text(end)).isEqualTo(TEXT).isEqualTo(stored(id));
    assertThat(end.output()).hasSize(1);
  }

  @Test
  void a_response_that_another_client_cancels_ends_its_stream_and_says_so() {
    ResponseCreateParams params =
        ask(Prompts.say(Prompts.words(2000), 20)).background(true).build();
    List<ResponseStreamEvent> events = new ArrayList<>();
    OpenAIClient other = client();
    try (StreamResponse<ResponseStreamEvent> stream = client.responses().createStreaming(params)) {
      stream.stream()
          .forEach(event -> {
            if (event.isOutputTextDelta()
                && events.stream().noneMatch(e -> e.isOutputTextDelta())) {
              Response cancelled = other.responses().cancel(idOf(events.getFirst())).validate();
              assertThat(cancelled.status()).contains(ResponseStatus.CANCELLED);
            }
            events.add(event);
          });
    }
    other.close();
    assertThat(events.getLast().isOutputItemDone()).isTrue();
    Response kept = client.responses().retrieve(idOf(events.getFirst()));
    assertThat(kept.status()).contains(ResponseStatus.CANCELLED);
    assertThat(text(kept)).isEqualTo(stored(kept.id()));
  }

  @Test
  void a_server_that_is_killed_in_mid_reply_takes_the_response_up_again() {
    interrupted(Server::kill);
  }

  @Test
  void a_server_that_drains_in_mid_reply_cuts_the_stream() {
    interrupted(node -> {
      node.process().terminate();
      node.process().awaitExit();
    });
  }

  /**
   * Reads until the server is gone, then goes on behind the last event. The first call hangs, so
   * that no reply is over before.
   */
  private static void interrupted(Consumer<Server> how) {
    String whole = Prompts.words(60);
    List<ResponseStreamEvent> events = new ArrayList<>();
    ResponseCreateParams params =
        ask(Prompts.say(whole, 5, "/hang at 30")).background(true).build();
    assertThatThrownBy(
            () -> {
              try (StreamResponse<ResponseStreamEvent> stream =
                  client.responses().createStreaming(params)) {
                boolean[] done = {false};
                stream.stream()
                    .forEach(event -> {
                      events.add(event);
                      if (event.isOutputTextDelta() && !done[0]) {
                        done[0] = true;
                        how.accept(server);
                      }
                    });
              }
            })
        .isInstanceOf(OpenAIException.class);
    server.startAgain();
    client.close();
    client = client();
    String id = idOf(events.getFirst());
    Await.until(
        "the end",
        () -> {
          try {
            events.addAll(after(id, number(events.getLast())));
          } catch (OpenAIException e) {
            // It broke again; what came is asked for again.
          }
          return events.getLast().isCompleted() ? events : null;
        });
    assertDense(events);
    assertThat(text(events.getLast().asCompleted().response()))
        .isEqualTo(whole)
        .isEqualTo(stored(id));
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
  void what_fails_or_is_cut_short_is_a_response_that_says_so() {
    Response failed = client.responses().create(ask("/error 401 always").build()).validate();
    assertThat(failed.status()).contains(ResponseStatus.FAILED);
    assertThat(failed.error()).isPresent();
    Response cut = client.responses().create(ask(Prompts.say(TEXT, 1, "/length")).build());
    assertThat(cut.validate().status()).contains(ResponseStatus.INCOMPLETE);
    assertThat(cut.incompleteDetails()).isPresent();
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
