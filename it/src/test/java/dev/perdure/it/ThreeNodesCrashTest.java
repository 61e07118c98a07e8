package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Three servers on one PostgreSQL, of which one after the other dies or is stopped. */
class ThreeNodesCrashTest {
  private static final String TEXT = Prompts.words(120);
  private static final int TABS = 5;
  private static final int MAX_ROUNDS = 5;

  static Fleet fleet;

  @BeforeAll
  static void start() {
    fleet = Fleet.start(3, setup -> setup.env("PERDURE_ENGINE_DRAIN_GRACE", "200ms"));
  }

  @AfterAll
  static void stop() {
    fleet.close();
  }

  @Test
  void tabs_that_come_and_go_at_all_nodes_end_alike_though_the_owner_is_killed() throws Exception {
    untilMoved(() ->
        watchedByAll(
            0,
            sessions -> {
              fleet.node(0).kill();
              // Nobody has taken them over yet, or somebody just has: either is said, at once.
              for (String turn : sessions.keySet()) {
                JsonNode now = fleet.api(2).turn(turn);
                assertThat(now.path("state").asText()).isIn("running", "queued", "completed");
                assertThat(TEXT).startsWith(now.path("lanes").path(0).path("text").asText());
              }
              fleet.node(0).startAgain();
            }));
  }

  @Test
  void tabs_that_come_and_go_at_all_nodes_end_alike_though_the_owner_is_redeployed()
      throws Exception {
    untilMoved(() -> watchedByAll(1, sessions -> fleet.redeploy(1)));
  }

  /**
   * A busy machine may have given all turns to other nodes, or have ended them too early: then it
   * is done once more.
   */
  private static void untilMoved(Callable<Integer> round) throws Exception {
    for (int rounds = 1; round.call() == 0; rounds++) {
      assertThat(rounds).as("rounds in which no turn moved").isLessThan(MAX_ROUNDS);
    }
  }

  @Test
  void a_conversation_goes_on_at_another_node_after_each_node_was_killed() {
    String session = fleet.ask(0, Api::createSession);
    List<String> turns = new ArrayList<>();
    for (int dead = 0; dead < fleet.size(); dead++) {
      String held = fleet.api(dead).submit(session, Prompts.say(TEXT, 10));
      fleet.api(dead + 1).awaitText(held, 20);
      fleet.crash(dead);
      turns.add(held);
      turns.add(fleet.api(dead + 1).submit(session, Prompts.say("still here " + dead, 1)));
      for (String turn : turns) {
        assertThat(fleet.api(dead + 2).awaitEnd(turn)).isEqualTo("completed");
      }
    }
    Api api = fleet.api(0);
    assertThat(api.messages(session).stream().map(m -> m.path("turn").asText()).distinct())
        .containsExactlyElementsOf(turns);
    assertThat(api.messages(session)).hasSize(2 * turns.size());
    for (int i = 1; i < turns.size(); i += 2) {
      assertThat(Api.text(api.reply(session, turns.get(i)))).startsWith("still here");
    }
  }

  /**
   * Sends messages to one node and follows them from all while that happens; every tab must end
   * with the same. Returns how many turns have moved to another node.
   */
  private static int watchedByAll(int owner, Consumer<Map<String, String>> happening)
      throws Exception {
    Map<String, String> sessions = new LinkedHashMap<>();
    for (int i = 0; i < 3; i++) {
      String session = fleet.api(owner).createSession();
      sessions.put(fleet.api(owner).submit(session, Prompts.say(TEXT, 30)), session);
    }
    Map<String, List<Future<Transcript>>> tabs = new LinkedHashMap<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (String turn : sessions.keySet()) {
        List<Future<Transcript>> ofTurn = new ArrayList<>();
        for (int tab = 0; tab < TABS; tab++) {
          Random random = new Random(tab);
          ofTurn.add(threads.submit(() -> restlessTab(turn, random)));
        }
        tabs.put(turn, ofTurn);
      }
      sessions.keySet().forEach(turn -> fleet.api(2).awaitText(turn, 10));
      happening.accept(sessions);
    }
    int moved = 0;
    for (Map.Entry<String, String> session : sessions.entrySet()) {
      String turn = session.getKey();
      Transcript whole = fleet.ask(1, api -> api.follow(turn));
      assertThat(whole.state()).isEqualTo("completed");
      String reason = whole.events("attempt.started").getLast().json().path("reason").asText();
      if (whole.events("turn.started").size() > 1) {
        assertThat(reason).isEqualTo("takeover");
        moved++;
      }
      assertThat(whole.text()).isEqualTo(TEXT);
      String stored = fleet.ask(2, api -> Api.text(api.reply(session.getValue(), turn)));
      assertThat(stored).isEqualTo(TEXT);
      for (Future<Transcript> tab : tabs.getOrDefault(turn, List.of())) {
        assertThat(tab.get().events()).isEqualTo(whole.events());
      }
    }
    return moved;
  }

  /** Reads a few events at any node, leaves, comes again at another, until it has seen the end. */
  private static Transcript restlessTab(String turn, Random random) {
    Transcript seen = new Transcript();
    while (!seen.ended()) {
      long leaveAfter = seen.lastSeq() + 1 + random.nextInt(60);
      fleet.ask(
          random.nextInt(fleet.size()),
          api -> {
            api.read(turn, seen, event -> event.seq() >= leaveAfter);
            return seen;
          });
    }
    return seen;
  }
}
