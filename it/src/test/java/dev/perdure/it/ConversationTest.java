package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Repeated requests, busy sessions and several devices. */
class ConversationTest {
  private static final String MODEL = "openai/it";

  @TempDir static Path data;
  @TempDir Path own;
  static FakeProvider fake;
  static Server server;
  static Api api;

  @BeforeAll
  static void start() {
    fake = FakeProvider.start();
    server = Server.setup().providers(fake).start(data);
    api = server.api();
  }

  @AfterAll
  static void stop() {
    server.close();
    fake.close();
  }

  @Test
  void twenty_posts_with_one_key_are_one_message_and_one_call() throws Exception {
    String session = api.createSession();
    var body = Api.body(Prompts.say("only-once", 1), MODEL);
    Set<JsonNode> answers = new HashSet<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Api.Answer>> posts = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        posts.add(threads.submit(() -> api.submitRaw(session, body, "Idempotency-Key", "k-1")));
      }
      for (Future<Api.Answer> post : posts) {
        answers.add(post.get().expect(202).json());
      }
    }
    assertThat(answers).hasSize(1);
    String turn = answers.iterator().next().required("turn").textValue();
    assertThat(api.awaitEnd(turn)).isEqualTo("completed");
    assertThat(api.messages(session)).hasSize(2);
    assertThat(fake.calls("only-once")).hasSize(1);

    Api.Answer late = api.submitRaw(session, body, "Idempotency-Key", "k-1");
    assertThat(late.expect(202).json().required("turn").textValue()).isEqualTo(turn);
    var other = Api.body("something else", MODEL);
    assertThat(api.submitRaw(session, other, "Idempotency-Key", "k-1").expect(409).body())
        .contains("idempotency_conflict");
  }

  @Test
  void twenty_posts_with_one_key_are_answered_alike_though_the_first_uses_the_limit_up()
      throws Exception {
    try (Server narrow =
        Server.setup()
            .providers(fake)
            .env("PERDURE_ENGINE_MAX_OPEN_TURNS_PER_CALLER", "1")
            .env("PERDURE_ENGINE_MAX_RUNNING_TURNS", "1")
            .start(own)) {
      Api its = narrow.api();
      String session = its.createSession();
      var body = Api.body(Prompts.say("the-only-place " + Prompts.words(1_000), 20), MODEL);
      Set<JsonNode> answers = new HashSet<>();
      try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
        List<Future<Api.Answer>> posts = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
          posts.add(threads.submit(() -> its.submitRaw(session, body, "Idempotency-Key", "k-2")));
        }
        for (Future<Api.Answer> post : posts) {
          answers.add(post.get().expect(202).json());
        }
      }
      assertThat(answers)
          .extracting(json -> json.path("turn").asText())
          .containsOnlyOnce(answers.iterator().next().path("turn").asText());
      String turn = answers.iterator().next().required("turn").textValue();

      Api.Answer refused = its.submitRaw(session, Api.body("one more")).expect(429);
      assertThat(refused.body()).contains("too_many_turns");
      assertThat(refused.headers().firstValue("Retry-After")).isPresent();
      assertThat(Api.turnOf(its.submitRaw(session, body, "Idempotency-Key", "k-2")))
          .isEqualTo(turn);

      Await.until("the call", () -> fake.calls("the-only-place").isEmpty() ? null : "");
      its.cancel(turn);
      its.awaitEnd(turn);
      assertThat(its.messages(session)).hasSize(2);
      assertThat(fake.calls("the-only-place")).hasSize(1);
      its.awaitEnd(its.submit(session, Prompts.say("the place is free", 1)));
    }
  }

  @Test
  void a_busy_session_rejects_enqueues_or_interrupts_as_asked() {
    String session = api.createSession();
    String first = api.submit(session, Prompts.say(Prompts.words(1_000), 20));

    var reject = Api.body("no").put("whenBusy", "reject");
    assertThat(api.submitRaw(session, reject).expect(409).body()).contains("session_busy");

    String second = api.submit(session, Prompts.say("second", 1));
    String third = api.submit(session, Prompts.say("third", 1));
    assertThat(api.state(second)).isEqualTo("queued");
    var interrupt = Api.body(Prompts.say("now", 1)).put("whenBusy", "interrupt");
    String fourth = Api.turnOf(api.submitRaw(session, interrupt));

    assertThat(api.awaitEnd(fourth)).isEqualTo("completed");
    assertThat(List.of(api.state(first), api.state(second), api.state(third)))
        .containsOnly("cancelled");
    assertThat(api.messages(session)).hasSize(8);
  }

  @Test
  void what_was_enqueued_is_answered_in_order_and_once_though_the_server_is_killed() {
    try (Server killed = Server.setup().providers(fake).start(own)) {
      Api before = killed.api();
      String session = before.createSession();
      List<String> turns = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        turns.add(before.submit(session, Prompts.say("answer-" + i + " b c d e f", 30), MODEL));
      }
      before.awaitText(turns.get(1), 1);
      killed.kill();

      Api after = killed.startAgain().api();
      for (String turn : turns) {
        assertThat(after.awaitEnd(turn)).isEqualTo("completed");
      }
      List<String> texts = after.messages(session).stream().map(Api::text).toList();
      for (int i = 0; i < 5; i++) {
        assertThat(texts.get(2 * i)).endsWith("answer-" + i + " b c d e f");
        assertThat(texts.get(2 * i + 1)).isEqualTo("answer-" + i + " b c d e f");
      }
      assertThat(texts).hasSize(10);
    }
  }

  @Test
  void two_devices_that_write_in_turns_agree_on_one_order_and_see_both_live() throws Exception {
    TwoDevices.talk(api, api);
  }
}
