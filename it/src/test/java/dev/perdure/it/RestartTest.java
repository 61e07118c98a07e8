package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a crash, a restart and a deploy do to replies, on one node. */
class RestartTest {
  private static final String TEXT = Prompts.words(100);

  /** The first call for it stands still until its server is gone; the next one says all of it. */
  private static final String HELD = Prompts.say(TEXT, 2, "/hang at 60");

  private static final String MODEL = "openai/it";

  static FakeProvider fake;

  @BeforeAll
  static void startProvider() {
    fake = FakeProvider.start();
  }

  @AfterAll
  static void stopProvider() {
    fake.close();
  }

  @TempDir Path data;

  @Test
  void a_reply_cut_by_kill_is_finished_after_the_restart_and_resumed_at_the_last_seen_id() {
    try (Server server = Server.setup().providers(fake).start(data)) {
      Api api = server.api();
      String session = api.createSession();
      String turn = api.submit(session, HELD, MODEL);
      Transcript seen = new Transcript();
      api.read(turn, seen, event -> event.seq() == 40);
      server.kill();

      Api again = server.startAgain().api();
      again.read(turn, seen, event -> false);

      assertThat(seen.state()).isEqualTo("completed");
      assertThat(seen.events("turn.started")).as("claimed anew, visibly").hasSize(2);
      assertThat(seen.events("attempt.started")).hasSize(2);
      assertThat(seen.events("attempt.started").getLast().json().path("reason").asText())
          .isEqualTo("takeover");
      assertThat(seen.text()).isEqualTo(TEXT);
      assertThat(Api.text(again.reply(session, turn))).isEqualTo(TEXT);
    }
  }

  @Test
  void after_a_crash_the_conversation_goes_on_and_leaves_no_ghosts() {
    try (Server server = Server.setup().providers(fake).start(data)) {
      Api api = server.api();
      String session = api.createSession();
      String before = api.submit(session, Prompts.say(TEXT, 5));
      api.awaitText(before, 10);
      server.kill();

      Api again = server.startAgain().api();
      String after = again.submit(session, Prompts.say("still here", 1));

      assertThat(again.awaitEnd(after)).isEqualTo("completed");
      assertThat(again.state(before)).isEqualTo("completed");
      assertThat(again.get("/v1/turns?state=active").expect(200).json().required("items"))
          .isEmpty();
      assertThat(again.messages(session))
          .extracting(Api::text)
          .containsExactly(Prompts.say(TEXT, 5), TEXT, Prompts.say("still here", 1), "still here");
    }
  }

  @Test
  void a_caller_may_ask_that_a_reply_fails_visibly_instead_of_starting_over() {
    try (Server server = Server.setup().providers(fake).start(data)) {
      Api api = server.api();
      String session = api.createSession();
      String turn =
          Api.turnOf(api.submitRaw(session, Api.body(HELD, MODEL).put("recovery", "fail")));
      Transcript seen = new Transcript();
      api.read(turn, seen, event -> event.seq() == 30);
      server.kill();

      Api again = server.startAgain().api();
      again.read(turn, seen, event -> false);

      assertThat(seen.state()).isEqualTo("failed");
      JsonNode reply = again.reply(session, turn);
      assertThat(reply.path("status").asText()).isEqualTo("failed");
      assertThat(Api.text(reply)).isEqualTo(seen.text()).isNotEmpty();
      assertThat(reply.path("error").path("code").asText()).isEqualTo("interrupted");
    }
  }

  @Test
  void a_polite_stop_says_so_releases_its_readers_and_lets_replies_finish() throws Exception {
    try (Server server = Server.setup().providers(fake).start(data)) {
      Api api = server.api();
      String session = api.createSession();
      // It stands still until it was seen that the stop waits for it.
      String turn = api.submit(session, Prompts.say(TEXT, 5, "/stall 5s at 60"));
      Transcript seen = new Transcript();
      CompletableFuture<Void> reader =
          CompletableFuture.runAsync(() -> api.read(turn, seen, event -> false));
      api.awaitText(turn, 20);
      assertThat(api.get("/readyz").status()).isEqualTo(200);

      server.process().terminate();
      reader.get(60, TimeUnit.SECONDS);
      assertThat(seen.ended()).as("the reader was let go before the end").isFalse();
      assertThat(api.get("/readyz").status()).isEqualTo(503);
      assertThat(server.process().awaitExit()).as(server.process().output()).isZero();

      Api again = server.startAgain().api();
      again.read(turn, seen, event -> false);
      assertThat(seen.events("attempt.started")).as("drained, not started over").hasSize(1);
      assertThat(seen.text()).isEqualTo(TEXT);
    }
  }

  @Test
  void a_stop_that_cannot_wait_hands_the_reply_to_the_next_process() {
    try (Server server =
        Server.setup().providers(fake).env("PERDURE_ENGINE_DRAIN_GRACE", "100ms").start(data)) {
      Api api = server.api();
      String session = api.createSession();
      String turn = api.submit(session, HELD, MODEL);
      api.awaitText(turn, 20);
      server.process().terminate();
      server.process().awaitExit();

      Api again = server.startAgain().api();

      assertThat(again.awaitEnd(turn)).isEqualTo("completed");
      Transcript seen = again.follow(turn);
      assertThat(seen.events("attempt.started")).hasSize(2);
      assertThat(seen.text()).isEqualTo(TEXT).isEqualTo(Api.text(again.reply(session, turn)));
    }
  }

  @Test
  void nothing_accepted_is_lost_when_the_server_is_killed_under_load() {
    List<String> accepted = new ArrayList<>();
    try (Server server = Server.setup().providers(fake).start(data)) {
      for (int round = 0; round < 3; round++) {
        Api api = server.api();
        accepted.addAll(Load.submitUntilDead(api, server, 8, 120));
        server.startAgain();
      }
      Api api = server.api();
      for (String turn : accepted) {
        assertThat(api.awaitEnd(turn)).as(turn).isEqualTo("completed");
      }
      assertThat(accepted).hasSizeGreaterThan(100).doesNotHaveDuplicates();
      assertThat(api.get("/v1/turns?state=active").json().required("items")).isEmpty();
    }
  }

  @Test
  void a_second_server_on_the_same_directory_is_refused_with_a_reason() {
    try (Server first = Server.setup().providers(fake).start(data)) {
      first.url();
      try (Server second = Server.setup().providers(fake).start(data)) {
        assertThat(second.process().awaitExit()).isNotZero();
        assertThat(second.process().output()).contains(data.toString());
      }
      assertThat(first.api().get("/livez").status()).isEqualTo(200);
    }
  }
}
