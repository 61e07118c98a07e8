package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Three servers on one PostgreSQL: what is asked of one holds on all of them. No test here ends a
 * node.
 */
class ThreeNodesTest {
  private static final String LONG = Prompts.words(2_000);

  static FakeProvider fake;
  static Fleet fleet;

  @BeforeAll
  static void start() {
    fake = FakeProvider.start();
    // A lease that no slow machine lets lapse.
    fleet = Fleet.start(3, setup -> setup.providers(fake).env("PERDURE_ENGINE_NODE_LEASE", "60s"));
  }

  @AfterAll
  static void stop() {
    fleet.close();
    fake.close();
  }

  @Test
  void a_reply_begun_on_one_node_is_stopped_from_another_and_all_see_the_same_end()
      throws Exception {
    for (int owner = 0; owner < fleet.size(); owner++) {
      Api stopper = fleet.api(owner + 1);
      String session = fleet.api(owner).createSession();
      String turn = fleet.api(owner).submit(session, Prompts.say(LONG, 20));
      Transcript reloaded = new Transcript();
      fleet.api(owner).read(turn, reloaded, event -> event.seq() == 10);
      List<CompletableFuture<Transcript>> tabs =
          IntStream.range(0, fleet.size())
              .mapToObj(fleet::api)
              .map(api -> CompletableFuture.supplyAsync(() -> api.follow(turn)))
              .toList();
      stopper.awaitText(turn, 60);

      stopper.cancel(turn);
      fleet.api(owner + 2).read(turn, reloaded, event -> false);

      assertThat(reloaded.state()).isEqualTo("cancelled");
      for (CompletableFuture<Transcript> tab : tabs) {
        assertThat(tab.get(60, TimeUnit.SECONDS).events()).isEqualTo(reloaded.events());
      }
      assertThat(Api.text(stopper.reply(session, turn))).isEqualTo(reloaded.text());
    }
  }

  @Test
  void what_is_cancelled_before_its_first_token_on_any_node_calls_no_provider_or_ends_the_call() {
    String session = fleet.api(0).createSession();
    String hanging = fleet.api(0).submit(session, "/hang\nno-token-yet", "openai/it");
    List<String> queued = new ArrayList<>();
    for (int node = 0; node < fleet.size(); node++) {
      queued.add(fleet.api(node).submit(session, Prompts.say("never-asked", 1), "openai/it"));
    }
    Await.until("the call", () -> fake.calls("no-token-yet").isEmpty() ? null : "");
    fleet.api(1).cancel(queued.getFirst());
    assertThat(fleet.api(2).awaitEnd(queued.getFirst())).isEqualTo("cancelled");

    // Whoever has not got the answer to its POST yet does not know the id of the turn.
    fleet.api(2).accepted("/v1/sessions/" + session + "/cancel");

    assertThat(fleet.api(0).awaitEnd(hanging)).isEqualTo("cancelled");
    for (String turn : queued) {
      assertThat(fleet.api(1).awaitEnd(turn)).isEqualTo("cancelled");
    }
    Await.until(
        "the abort of the call",
        () -> FakeProvider.aborted(fake.calls("no-token-yet").getFirst()) ? "" : null);
    assertThat(fake.calls("never-asked")).isEmpty();
    assertThat(fake.calls("no-token-yet")).hasSize(1);
    // It hangs as well, because the script is in what it is asked; but it was asked.
    String next = fleet.api(1).submit(session, "the session is free", "openai/it");
    Await.until("the call", () -> fake.calls("session is free").isEmpty() ? null : "");
    fleet.api(0).cancel(next);
  }

  @Test
  void two_devices_at_two_nodes_agree_on_one_order_and_see_both_live() throws Exception {
    TwoDevices.talk(fleet.api(0), fleet.api(1));
    TwoDevices.talk(fleet.api(2), fleet.api(0));
  }

  @Test
  void a_cancel_on_another_node_that_races_the_end_leaves_one_terminal_state() {
    for (int round = 0; round < 15; round++) {
      Api owner = fleet.api(round);
      Api stopper = fleet.api(round + 1);
      String session = owner.createSession();
      String turn = owner.submit(session, Prompts.say("a b c d e f", 4));
      Transcript seen = new Transcript();
      long cancelAt = 2L + round % 9;
      stopper.read(turn, seen, event -> event.seq() >= cancelAt);
      stopper.cancel(turn);
      Transcript whole = fleet.api(round + 2).follow(turn);

      assertThat(whole.events("turn.ended")).hasSize(1);
      assertThat(owner.awaitEnd(turn)).isEqualTo(whole.state()).isIn("completed", "cancelled");
      assertThat(Api.text(owner.reply(session, turn)))
          .isEqualTo(whole.text())
          .startsWith(seen.text());
    }
  }
}
