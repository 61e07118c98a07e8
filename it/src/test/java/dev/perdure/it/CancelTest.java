package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Stop is a request of its own, and what was shown before it stays. */
class CancelTest {
  private static final String LONG = Prompts.words(2_000);
  private static final String MODEL = "openai/it";

  @TempDir static Path data;
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
  void a_closed_connection_goes_on_and_a_cancel_aborts_the_call_and_keeps_the_text() {
    String session = api.createSession();
    String turn = api.submit(session, Prompts.say(LONG, 20), "openai/to-be-aborted");
    Transcript seen = new Transcript();
    api.read(turn, seen, event -> event.seq() == 12);
    api.awaitText(turn, seen.text().length() + 20);

    api.cancel(turn);
    assertThat(api.awaitEnd(turn)).isEqualTo("cancelled");

    JsonNode reply = api.reply(session, turn);
    assertThat(reply.path("status").asText()).isEqualTo("cancelled");
    assertThat(LONG).startsWith(Api.text(reply));
    assertThat(Api.text(reply)).startsWith(seen.text()).isNotEqualTo(LONG);
    // The provider has seen its connection go away long before the 40 s of the whole reply.
    Await.until(
        "the abort of the call",
        () -> FakeProvider.aborted(fake.calls("to-be-aborted").getFirst()) ? "" : null);
    assertThat(fake.calls("to-be-aborted")).hasSize(1);
  }

  @Test
  void every_tab_sees_the_same_end_and_a_second_cancel_changes_nothing() throws Exception {
    String turn = api.submit(api.createSession(), Prompts.say(LONG, 20));
    List<CompletableFuture<Transcript>> tabs =
        List.of(
            CompletableFuture.supplyAsync(() -> api.follow(turn)),
            CompletableFuture.supplyAsync(() -> api.follow(turn)));
    api.awaitText(turn, 20);
    api.cancel(turn);

    Transcript first = tabs.getFirst().get(60, TimeUnit.SECONDS);
    Transcript second = tabs.getLast().get(60, TimeUnit.SECONDS);
    assertThat(first.state()).isEqualTo("cancelled");
    assertThat(first.events()).isEqualTo(second.events());
    api.cancel(turn);
    assertThat(api.follow(turn).events()).isEqualTo(first.events());
  }

  @Test
  void a_queued_turn_that_is_cancelled_never_calls_its_provider() {
    String session = api.createSession();
    String busy = api.submit(session, Prompts.say(LONG, 20));
    String queued = api.submit(session, Prompts.say("never-asked", 1), MODEL);
    assertThat(api.state(queued)).isEqualTo("queued");

    api.cancel(queued);
    assertThat(api.awaitEnd(queued)).isEqualTo("cancelled");
    assertThat(api.follow(queued).state()).isEqualTo("cancelled");
    api.cancel(busy);
    assertThat(api.awaitEnd(busy)).isEqualTo("cancelled");
    assertThat(fake.calls("never-asked")).isEmpty();
  }

  @Test
  void a_turn_is_cancelled_before_its_first_token() {
    String turn = api.submit(api.createSession(), "/hang\nbefore-the-first-token", MODEL);
    Await.until("the call", () -> fake.calls("before-the-first-token").isEmpty() ? null : "");

    api.cancel(turn);

    assertThat(api.awaitEnd(turn)).isEqualTo("cancelled");
    assertThat(fake.calls("before-the-first-token")).hasSize(1);
  }

  @Test
  void a_session_is_cancelled_without_knowing_its_turns() {
    String session = api.createSession();
    String running = api.submit(session, Prompts.say(LONG, 20));
    String queued = api.submit(session, Prompts.say("x", 1));

    api.accepted("/v1/sessions/" + session + "/cancel");

    assertThat(api.awaitEnd(running)).isEqualTo("cancelled");
    assertThat(api.awaitEnd(queued)).isEqualTo("cancelled");
    String next = api.submit(session, Prompts.say("afterwards", 1));
    assertThat(api.awaitEnd(next)).as("the session is free").isEqualTo("completed");
  }

  @Test
  void a_cancel_that_races_the_end_leaves_exactly_one_terminal_state() {
    for (int round = 0; round < 25; round++) {
      String session = api.createSession();
      String turn = api.submit(session, Prompts.say("a b c d e f", 2));
      Transcript seen = new Transcript();
      long cancelAt = 3L + round % 8;
      api.read(turn, seen, event -> event.seq() >= cancelAt);
      api.cancel(turn);
      String state = api.awaitEnd(turn);
      Transcript whole = api.follow(turn);

      assertThat(whole.events("turn.ended")).hasSize(1);
      assertThat(whole.state()).isEqualTo(state);
      JsonNode reply = api.reply(session, turn);
      assertThat(reply.path("status").asText())
          .isEqualTo(state.equals("completed") ? "complete" : state);
      assertThat(Api.text(reply)).isEqualTo(whole.text()).startsWith(seen.text());
    }
  }
}
