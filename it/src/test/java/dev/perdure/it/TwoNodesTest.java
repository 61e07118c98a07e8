package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.testing.EmbeddedPostgresServer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Two servers on one PostgreSQL. */
class TwoNodesTest {
  private static final String TEXT = Prompts.words(120);

  static String database;

  @BeforeAll
  static void start() {
    database = EmbeddedPostgresServer.shared().createDatabase();
  }

  @Test
  void a_reply_is_followed_on_the_other_node_and_finished_there_when_its_own_is_killed()
      throws Exception {
    try (FakeProvider fake = FakeProvider.start();
        Server a = Server.setup().providers(fake).start(database);
        Server b = Server.setup().providers(fake).start(database)) {
      String session = a.api().createSession();
      // It stands still on its own node, so that it is not over before that is killed.
      String turn = a.api().submit(session, Prompts.say(TEXT, 5, "/hang at 60"), "openai/it");
      Transcript seen = new Transcript();
      CompletableFuture<Void> follower =
          CompletableFuture.runAsync(() -> b.api().read(turn, seen, event -> false));
      b.api().awaitText(turn, 60);

      a.kill();
      follower.get(60, TimeUnit.SECONDS);

      assertThat(seen.state()).isEqualTo("completed");
      assertThat(seen.events("turn.started")).hasSize(2);
      assertThat(seen.events("attempt.started")).hasSize(2);
      assertThat(seen.events("part.delta"))
          .as("live text of the first attempt")
          .anyMatch(e -> e.json().path("attempt").asInt() == 1);
      assertThat(seen.text()).isEqualTo(TEXT);
      assertThat(Api.text(b.api().reply(session, turn))).isEqualTo(TEXT);
    }
  }

  @Test
  void a_cancel_on_one_node_stops_the_reply_on_the_other() throws Exception {
    try (Server a = Server.setup().start(database);
        Server b = Server.setup().start(database)) {
      String session = a.api().createSession();
      String turn = a.api().submit(session, Prompts.say(Prompts.words(2_000), 20));
      CompletableFuture<Transcript> onA = CompletableFuture.supplyAsync(() -> a.api().follow(turn));
      CompletableFuture<Transcript> onB = CompletableFuture.supplyAsync(() -> b.api().follow(turn));
      a.api().awaitText(turn, 20);

      b.api().cancel(turn);

      assertThat(onA.get(60, TimeUnit.SECONDS).state()).isEqualTo("cancelled");
      assertThat(onA.get().events()).isEqualTo(onB.get(60, TimeUnit.SECONDS).events());
      assertThat(Api.text(b.api().reply(session, turn))).isEqualTo(onA.get().text());
    }
  }

  @Test
  void a_stopping_node_hands_its_replies_to_its_peer() {
    try (Server a = Server.setup().env("PERDURE_ENGINE_DRAIN_GRACE", "100ms").start(database);
        Server b = Server.setup().start(database)) {
      b.url();
      List<String> turns = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        turns.add(a.api().submit(a.api().createSession(), Prompts.say(TEXT, 15)));
      }
      a.api().awaitText(turns.getLast(), 10);
      a.process().terminate();
      a.process().awaitExit();

      for (String turn : turns) {
        assertThat(b.api().awaitEnd(turn)).isEqualTo("completed");
        assertThat(b.api().follow(turn).text()).isEqualTo(TEXT);
      }
    }
  }

  @Test
  void a_node_that_slept_longer_than_its_lease_cannot_write_over_the_one_that_took_over()
      throws Exception {
    try (Server a = Server.setup().start(database);
        Server b = Server.setup().start(database)) {
      String session = a.api().createSession();
      String turn = a.api().submit(session, Prompts.say(TEXT, 25));
      b.api().awaitText(turn, 40);

      a.process().freeze();
      assertThat(b.api().awaitEnd(turn)).isEqualTo("completed");
      a.process().thaw();
      String next = a.api().submit(session, Prompts.say("after the sleep", 1));

      assertThat(b.api().awaitEnd(next)).isEqualTo("completed");
      Transcript seen = b.api().follow(turn);
      assertThat(seen.text()).isEqualTo(TEXT);
      assertThat(a.api().follow(turn).events()).isEqualTo(seen.events());
    }
  }
}
