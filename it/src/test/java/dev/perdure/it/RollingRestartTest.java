package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** A deploy of every node of a fleet, one after the other, while people talk to it. */
class RollingRestartTest {
  private static final int NODES = 3;
  private static final int CLIENTS = 15;

  /**
   * Not a measure: how late a reply must be for the deploy, and not the machine, to be at fault.
   */
  private static final long LATE_MILLIS = 45_000;

  @Test
  void a_rolling_restart_under_load_loses_nothing_and_doubles_nothing() {
    try (FakeProvider fake = FakeProvider.start();
        // A lease that no slow machine lets lapse: what is handed over is so by the stop alone, and
        // whoever had to wait for the lease would be late.
        Fleet fleet =
            Fleet.start(
                NODES, setup -> setup.providers(fake).env("PERDURE_ENGINE_NODE_LEASE", "60s"));
        Traffic traffic = new Traffic(fleet, fake, CLIENTS)) {
      traffic.awaitMore(CLIENTS);
      for (int node = 0; node < NODES; node++) {
        fleet.redeploy(node);
        traffic.awaitMore(CLIENTS);
      }

      Traffic.Result result = traffic.end();

      System.out.println("Rolling restart of " + NODES + " nodes: " + result);
      assertThat(result.lost()).isZero();
      assertThat(result.doubled()).as("replies whose provider was asked again").isZero();
      assertThat(result.maxDelayMillis()).isLessThan(LATE_MILLIS);
    }
  }
}
