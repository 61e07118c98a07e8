package dev.perdure.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.GenerationParams;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.provider.ModelRequest.Limits;
import dev.perdure.provider.ModelRequest.ModelMessage;
import dev.perdure.provider.ModelRequest.Role;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.demo.DemoScript;
import dev.perdure.provider.demo.DemoScript.Step;
import dev.perdure.provider.fake.FakeJournal.State;
import dev.perdure.provider.fake.FakeProviderServer;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.TransportOptions;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What every wire must do, shown against the fake provider. */
abstract class ModelProviderContract {
  static final InstantSource CLOCK = InstantSource.fixed(Instant.ofEpochSecond(1_700_000_000L));
  static final String KEY = "sk-very-secret-0123456789";

  /** Long enough never to be reached, for tests that are not about time. */
  static final Limits PATIENT =
      new Limits(Duration.ofSeconds(30), Duration.ofSeconds(30), Duration.ofSeconds(30));

  private static final Duration DEADLINE = Duration.ofSeconds(20);

  FakeProviderServer server;
  Transport transport;
  ModelProvider provider;

  @BeforeEach
  void start() throws IOException {
    server = FakeProviderServer.onLoopback(InstantSource.system());
    transport = new Transport(TransportOptions.defaults(), CLOCK);
    provider = provider(new ProviderSettings("name", server.uri(), new Secret(KEY)), transport);
  }

  @AfterEach
  void stop() {
    transport.close();
    server.close();
  }

  abstract ModelProvider provider(ProviderSettings settings, Transport over);

  /** What this wire can tell of these tokens. */
  TokenUsage told(TokenUsage usage) {
    return usage;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Hi",
        "/long 300 /pace 0ms",
        "/think /long 20 /pace 1ms",
        "/utf8 /pace 0ms",
        "/utf8 /think /long 40 /pace 0ms",
        "/echo \"quotes\\ and \u0001 \u2028 <tags>",
        "/length /long 3",
        "/filter /long 3",
        "/long 0",
      })
  void a_script_gives_its_text_reasoning_usage_and_finish(String prompt) throws Exception {
    DemoScript script = DemoScript.of(prompt, 0);
    List<Step> steps = new ArrayList<>();
    script.play(1, CLOCK).forEachRemaining(steps::add);

    List<ModelEvent> events = all(open(prompt + "\n/pace 0ms"));

    assertThat(text(events, PartKind.TEXT)).isEqualTo(said(steps, PartKind.TEXT));
    assertThat(text(events, PartKind.REASONING)).isEqualTo(said(steps, PartKind.REASONING));
    Step.Finish finish = (Step.Finish) steps.getLast();
    assertThat(events.getLast()).isEqualTo(new ModelEvent.Finished(finish.reason()));
    TokenUsage usage = finish.usage();
    // The line with the pace has two words more.
    TokenUsage paced =
        new TokenUsage(usage.input() + 2, usage.output(), usage.reasoning(), usage.cached());
    assertThat(events.get(events.size() - 2)).isEqualTo(new ModelEvent.Usage(told(paced)));
  }

  /** The model for a conversation with tools: one that signs its reasoning, where there is one. */
  String toolModel() {
    return "m";
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "/think\n"})
  void a_conversation_with_tools_is_the_same_over_every_wire(String thinking) throws Exception {
    String prompt =
        thinking
            + """
            /rounds 2
            /tool weather {"city":"Köln \\"x\\"","days":[1,2.5]}
            /tool time
            /pace 0ms\
            """;
    List<ModelRequest.ToolSpec> offered =
        List.of(
            new ModelRequest.ToolSpec(
                "weather", "Tells the weather.", Json.trusted("{\"type\":\"object\"}")),
            new ModelRequest.ToolSpec("time", "", Json.trusted("{\"type\":\"object\"}")));
    ModelRequest request =
        new ModelRequest(
            toolModel(),
            "Be brief.",
            List.of(new ModelMessage(Role.USER, prompt)),
            GenerationParams.NONE,
            PATIENT);
    List<ModelRequest.ModelStep> steps = new ArrayList<>();
    for (int round = 0; round < 2; round++) {
      List<ModelEvent> events = all(provider.open(request.with(offered, steps)));
      assertThat(events.getLast()).isEqualTo(new ModelEvent.Finished(FinishReason.TOOL_CALLS));
      assertThat(text(events, PartKind.TEXT)).isEqualTo("Let me see. ");
      List<ModelEvent.ToolCall> calls = all(events, ModelEvent.ToolCall.class);
      assertThat(calls)
          .extracting(call -> call.tool() + call.input())
          .containsExactly("weather{\"city\":\"Köln \\\"x\\\"\",\"days\":[1,2.5]}", "time{}");
      steps.add(step(events, calls));
    }
    List<ModelEvent> last = all(provider.open(request.with(offered, steps)));
    assertThat(text(last, PartKind.TEXT))
        .isEqualTo("The tools say: result 0 \"ü\" | result 1 \"ü\"");
    assertThat(last.getLast()).isEqualTo(new ModelEvent.Finished(FinishReason.STOP));
    assertThat(all(last, ModelEvent.ToolCall.class)).isEmpty();
  }

  private static ModelRequest.ModelStep step(
      List<ModelEvent> events, List<ModelEvent.ToolCall> calls) {
    List<ModelRequest.ToolUse> uses = new ArrayList<>();
    for (ModelEvent.ToolCall call : calls) {
      int i = uses.size();
      uses.add(
          new ModelRequest.ToolUse(
              "call_of_ours_" + i,
              call.ref(),
              call.tool(),
              call.input(),
              "result " + i + " \"ü\"",
              i == 1));
    }
    List<ModelEvent.Carried> carried = all(events, ModelEvent.Carried.class);
    return new ModelRequest.ModelStep(
        text(events, PartKind.TEXT), uses, carried.isEmpty() ? null : carried.getFirst().json());
  }

  @Test
  void steps_of_another_vendor_are_understood() throws Exception {
    ModelRequest request =
        request("/tool time\n/pace 0ms", PATIENT)
            .with(
                List.of(
                    new ModelRequest.ToolSpec("time", "", Json.trusted("{\"type\":\"object\"}"))),
                List.of(
                    new ModelRequest.ModelStep(
                        "",
                        List.of(
                            new ModelRequest.ToolUse(
                                "call_1", null, "time", "\"not an object\"", "noon", false)),
                        "{\"wire\":\"some other\",\"content\":[]}")));
    assertThat(text(all(provider.open(request)), PartKind.TEXT)).isEqualTo("The tools say: noon");
  }

  private static <T extends ModelEvent> List<T> all(List<ModelEvent> events, Class<T> type) {
    return events.stream().filter(type::isInstance).map(type::cast).toList();
  }

  @Test
  void reasoning_and_text_are_parts_in_their_order() throws Exception {
    List<ModelEvent> events = all(open("/think /long 5 /pace 0ms"));
    assertThat(deltas(events))
        .allSatisfy(d -> assertThat(d.part()).isEqualTo(d.kind() == PartKind.REASONING ? 0 : 1));
    assertThat(deltas(events)).hasSize(29);
  }

  @Test
  void after_the_finish_there_is_nothing() throws Exception {
    try (ModelStream stream = open("/long 2")) {
      ModelEvent event = stream.next();
      while (!(event instanceof ModelEvent.Finished)) {
        event = stream.next();
      }
      assertThat(stream.next()).isNull();
      assertThat(stream.next()).isNull();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "/error 429, RATE_LIMITED, 429",
    "/error 500, SERVER, 500",
    "/error 502, SERVER, 502",
    "/error 503, OVERLOADED, 503",
    "/error 529, OVERLOADED, 529",
    "/error 401, AUTH, 401",
    "/error 403, AUTH, 403",
    "/error 400, INVALID, 400",
    "/error 404, INVALID, 404",
    "/error 413, INVALID, 413",
    "/error 422, INVALID, 422",
    "/reset at 0, CONNECT, 0",
  })
  void a_refused_call_has_its_kind_and_status(String prompt, Kind kind, int status) {
    Failed failed = failed(prompt);
    assertThat(failed.e.kind()).isEqualTo(kind);
    assertThat(failed.e.status()).isEqualTo(status);
    assertThat(failed.before).isEmpty();
    assertThat(failed.e.getMessage()).contains("name").doesNotContain(KEY);
  }

  @ParameterizedTest
  @CsvSource({
    "/error 529 at 4, OVERLOADED",
    "/error 503 at 4, OVERLOADED",
    "/error 429 at 4, RATE_LIMITED",
    "/error 500 at 4, STREAM_ERROR",
    "/truncate at 4, TRUNCATED",
    "/cut at 4, TRUNCATED",
    "/reset at 4, TRUNCATED",
    "/garbage at 4, MALFORMED",
  })
  void a_fault_in_the_stream_comes_after_what_was_sent(String prompt, Kind kind) {
    Failed failed = failed("/long 9 /pace 2ms " + prompt);
    assertThat(failed.e.kind()).isEqualTo(kind);
    assertThat(deltas(failed.before)).hasSize(4);
    assertThat(failed.before).noneMatch(ModelEvent.Finished.class::isInstance);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/truncate at 0", "/cut at 0"})
  void an_answer_that_ends_before_its_first_token_is_truncated(String prompt) {
    assertThat(failed(prompt).e.kind()).isEqualTo(Kind.TRUNCATED);
  }

  @ParameterizedTest
  @CsvSource({"2s, 2000", "1500ms, 1500"})
  void what_the_vendor_asks_to_wait_is_passed_on(String wait, long millis) {
    assertThat(failed("/error 429 retry " + wait).e.retryAfter())
        .isEqualTo(Duration.ofMillis(millis));
    assertThat(failed("/error 429").e.retryAfter()).isNull();
  }

  @Test
  void silence_before_the_headers_ends_in_its_kind() {
    assertThat(failed("/hang", hasty()).e.kind()).isEqualTo(Kind.FIRST_TOKEN_TIMEOUT);
  }

  @Test
  void silence_before_the_first_token_ends_in_its_kind() {
    assertThat(failed("/stall 30m at 0", hasty()).e.kind()).isEqualTo(Kind.FIRST_TOKEN_TIMEOUT);
  }

  @Test
  void silence_between_tokens_ends_in_its_kind() {
    Limits limits = new Limits(PATIENT.connect(), PATIENT.firstToken(), Duration.ofMillis(80));
    Failed failed = failed("/long 9 /pace 0ms /stall 30m at 1", limits);
    assertThat(failed.e.kind()).isEqualTo(Kind.IDLE_TIMEOUT);
    assertThat(deltas(failed.before)).hasSize(1);
  }

  @Test
  void a_retry_after_a_fault_succeeds() throws Exception {
    assertThat(failed("/long 9 /pace 0ms /error 529 at 4").e.kind()).isEqualTo(Kind.OVERLOADED);
    assertThat(all(open("/long 9 /pace 0ms /error 529 at 4")).getLast())
        .isEqualTo(new ModelEvent.Finished(FinishReason.STOP));
    assertThat(failed("/long 9 /pace 0ms /error 529 at 4").e.kind()).isEqualTo(Kind.OVERLOADED);
  }

  @Test
  void an_unopened_stream_makes_no_connection() {
    open("hi").close();
    assertThat(server.journal().connectionsAccepted()).isZero();
  }

  @Test
  void a_stream_closed_before_it_began_never_calls() {
    ModelStream stream = open("hi");
    stream.close();
    assertThat(failure(stream).kind()).isEqualTo(Kind.CANCELLED);
    assertThat(server.journal().received()).isZero();
  }

  @Test
  void closing_while_the_headers_are_awaited_aborts_the_call() throws Exception {
    ModelStream stream = open("/hang");
    CompletableFuture<Kind> reader = reading(stream);
    await(() -> server.journal().count(State.OPEN) == 1);
    stream.close();
    assertThat(reader.get()).isEqualTo(Kind.CANCELLED);
    await(() -> server.journal().count(State.ABORTED) == 1);
  }

  @Test
  void closing_in_mid_stream_aborts_the_call() throws Exception {
    ModelStream stream = open("/long 9 /pace 0ms /stall 60m at 4");
    for (int deltas = 0; deltas < 4; ) {
      deltas += stream.next() instanceof ModelEvent.Delta ? 1 : 0;
    }
    CompletableFuture<Kind> reader = reading(stream);
    stream.close();
    assertThat(reader.get()).isEqualTo(Kind.CANCELLED);
    await(() -> server.journal().count(State.ABORTED) == 1);
    await(() -> server.journal().connectionsOpen() == 0);
  }

  @Test
  void interrupting_the_reader_ends_the_call() throws Exception {
    ModelStream stream = open("/hang");
    CompletableFuture<Kind> result = new CompletableFuture<>();
    Thread reader = Thread.startVirtualThread(() -> result.complete(failure(stream).kind()));
    await(() -> server.journal().count(State.OPEN) == 1);
    reader.interrupt();
    assertThat(result.get()).isEqualTo(Kind.CANCELLED);
    await(() -> server.journal().count(State.ABORTED) == 1);
  }

  @Test
  void calls_in_turn_share_a_connection() throws Exception {
    for (int i = 0; i < 5; i++) {
      all(open("/long 3 /pace 0ms"));
      int idle = i + 1;
      await(() -> server.journal().count(State.COMPLETED) == idle);
      await(() -> transport.idleConnections() == 1);
    }
    assertThat(server.journal().connectionsAccepted()).isEqualTo(1);
  }

  @Test
  void a_server_that_is_not_there_cannot_be_reached() {
    URI nowhere = server.uri();
    server.close();
    ProviderSettings settings = new ProviderSettings("name", nowhere, new Secret(KEY));
    ProviderException e = failure(provider(settings, transport).open(request("hi", PATIENT)));
    assertThat(e.kind()).isEqualTo(Kind.CONNECT);
    assertThat(e.getMessage()).contains("name").contains(nowhere.toString());
  }

  @Test
  void the_key_is_in_no_text() {
    assertThat(provider.toString()).doesNotContain(KEY);
    assertThat(new ProviderSettings("name", server.uri(), new Secret(KEY)).toString())
        .doesNotContain(KEY);
  }

  @Test
  void all_parameters_are_accepted() throws Exception {
    ModelRequest request =
        new ModelRequest(
            "a model/with:odd ..chars",
            "Be brief.",
            List.of(
                new ModelMessage(Role.USER, "one"),
                new ModelMessage(Role.ASSISTANT, "two"),
                new ModelMessage(Role.USER, "/long 2")),
            new GenerationParams(100, 0.5, 0.9),
            PATIENT);
    assertThat(text(all(provider.open(request)), PartKind.TEXT)).isNotEmpty();
    assertThat(server.journal().json().path("calls").path(0).path("model").asText())
        .isEqualTo("a model/with:odd ..chars");
  }

  private static Limits hasty() {
    return new Limits(PATIENT.connect(), Duration.ofMillis(80), PATIENT.idle());
  }

  ModelStream open(String prompt) {
    return provider.open(request(prompt, PATIENT));
  }

  static ModelRequest request(String prompt, Limits limits) {
    return new ModelRequest(
        "m", null, List.of(new ModelMessage(Role.USER, prompt)), GenerationParams.NONE, limits);
  }

  /** Waits for what another thread does. */
  static void await(BooleanSupplier condition) throws InterruptedException {
    long end = System.nanoTime() + DEADLINE.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > end) {
        fail("It did not come to pass");
      }
      Thread.sleep(1);
    }
  }

  private static CompletableFuture<Kind> reading(ModelStream stream) {
    CompletableFuture<Kind> result = new CompletableFuture<>();
    Thread.startVirtualThread(() -> result.complete(failure(stream).kind()));
    return result;
  }

  static ProviderException failure(ModelStream stream) {
    return failedAfter(stream).e;
  }

  private Failed failed(String prompt) {
    return failed(prompt, PATIENT);
  }

  private Failed failed(String prompt, Limits limits) {
    return failedAfter(provider.open(request(prompt, limits)));
  }

  private static Failed failedAfter(ModelStream stream) {
    List<ModelEvent> before = new ArrayList<>();
    try (stream) {
      for (ModelEvent e = stream.next(); e != null; e = stream.next()) {
        before.add(e);
      }
    } catch (ProviderException e) {
      return new Failed(before, e);
    }
    throw new AssertionError("Nothing failed; the last event is " + before.getLast());
  }

  private record Failed(List<ModelEvent> before, ProviderException e) {}

  static List<ModelEvent> all(ModelStream stream) throws ProviderException {
    List<ModelEvent> events = new ArrayList<>();
    try (stream) {
      for (ModelEvent e = stream.next(); e != null; e = stream.next()) {
        events.add(e);
      }
    }
    return events;
  }

  static List<ModelEvent.Delta> deltas(List<ModelEvent> events) {
    return events.stream()
        .filter(ModelEvent.Delta.class::isInstance)
        .map(ModelEvent.Delta.class::cast)
        .toList();
  }

  static String text(List<ModelEvent> events, PartKind kind) {
    return deltas(events).stream()
        .filter(d -> d.kind() == kind)
        .map(ModelEvent.Delta::text)
        .collect(Collectors.joining());
  }

  private static String said(List<Step> steps, PartKind kind) {
    return steps.stream()
        .filter(s -> s instanceof Step.Say say && say.kind() == kind)
        .map(s -> ((Step.Say) s).text())
        .collect(Collectors.joining());
  }
}
