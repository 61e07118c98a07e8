package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * An upgrade to a version with one more migration, node by node: the old version goes on beside the
 * new one on the new schema, turns cross over in both directions, and an old node that is started
 * anew says why it must not.
 */
class RollingUpgradeTest {
  private static final int CLIENTS = 10;
  private static final String TEXT = Prompts.words(120);

  /** Makes a process play a build that knows one migration more than this one. */
  static final String NEWER =
      "-Dperdure.migrations=filesystem:"
          + Path.of("src/test/resources/migrations").toAbsolutePath();

  private static Map<String, String> newer() {
    return Map.of("JAVA_TOOL_OPTIONS", NEWER);
  }

  @Test
  void old_and_new_serve_side_by_side_over_a_migration() {
    try (FakeProvider fake = FakeProvider.start();
        // Longer than a slow machine stands still: a stop hands turns over without it, a kill
        // waits.
        Fleet fleet =
            Fleet.start(2, setup -> setup.providers(fake).env("PERDURE_ENGINE_NODE_LEASE", "8s"));
        Traffic traffic = new Traffic(fleet, fake, CLIENTS)) {
      traffic.awaitMore(CLIENTS);
      fleet.redeploy(0, newer());
      traffic.awaitMore(3 * CLIENTS);

      Traffic.Result result = traffic.end();

      System.out.println("Rolling upgrade over a migration: " + result);
      assertThat(result.lost()).isZero();
      assertThat(result.doubled()).as("replies whose provider was asked again").isZero();
      crossesOver(fleet, 0, 1);
      fleet.node(0).startAgain().url();
      crossesOver(fleet, 1, 0);
      anOldNodeIsRefused(fleet.node(1));
      fleet.node(1).startAgain(newer()).url();
      assertThat(fleet.api(1).get("/readyz").status()).isEqualTo(200);
    }
  }

  /** A turn that one node has begun when it is killed is finished by the other. */
  private static void crossesOver(Fleet fleet, int from, int to) {
    String session = fleet.api(from).createSession();
    String turn = fleet.api(from).submit(session, Prompts.say(TEXT, 20), "openai/crossing");
    Transcript seen = new Transcript();
    fleet.api(from).read(turn, seen, event -> event.seq() == 20);
    fleet.node(from).kill();

    fleet.api(to).read(turn, seen, event -> false);

    assertThat(seen.state()).isEqualTo("completed");
    assertThat(seen.events("turn.started")).hasSize(2);
    assertThat(seen.text()).isEqualTo(TEXT);
    assertThat(Api.text(fleet.api(to).reply(session, turn))).isEqualTo(TEXT);
  }

  private static void anOldNodeIsRefused(Server node) {
    PerdureProcess old = node.startAgain().process();
    assertThat(old.awaitExit()).as(old.output()).isEqualTo(2);
    assertThat(old.output())
        .contains("schema version 900")
        .contains("this build does not know")
        .contains("Run the newer build");
  }
}
