package dev.perdure.engine;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.Compensations;
import dev.perdure.chat.Compensations.Claimed;
import dev.perdure.engine.ToolThreads.Made;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.TurnError;
import dev.perdure.testing.FaultPoints.Point;
import dev.perdure.tool.Tool;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Undoes what turns owe that did not come to a good end: claims rows of the ledger, asks the tool
 * under the call's one key, and notes what came of it; again, with longer and longer pauses, until
 * it is done or has been tried often enough. Who dies in the middle is followed by another when the
 * claim is over. Run by one thread.
 */
final class Compensator {
  private static final Logger LOG = System.getLogger(Compensator.class.getName());

  private static final int BATCH = 32;
  private static final int MAX_TRIES = 12;
  private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
  private static final Duration LONGEST_PAUSE = Duration.ofHours(1);

  /** How much longer than the tool a claim lasts. */
  private static final Duration MARGIN = Duration.ofSeconds(5);

  private final EngineParts parts;
  private final EngineMetrics metrics;

  Compensator(EngineParts parts, EngineMetrics metrics) {
    this.parts = parts;
    this.metrics = metrics;
  }

  /** Undoes what is due. */
  void run() {
    for (Tool tool : parts.tools().allowed(null)) {
      Tool.@Nullable Compensation how = tool.compensation().orElse(null);
      if (how != null) {
        undo(tool, how);
      }
    }
  }

  private void undo(Tool tool, Tool.Compensation how) {
    long forMillis = tool.spec().limit().plus(MARGIN).toMillis();
    List<Claimed> claims;
    do {
      claims = Compensations.claim(parts.database(), tool.spec().name(), forMillis, BATCH);
      List<Thread> threads = new ArrayList<>();
      for (Claimed claimed : claims) {
        threads.add(
            Thread.ofVirtual()
                .name("undo-" + claimed.call())
                .start(() -> undo(tool, how, claimed)));
      }
      threads.forEach(Compensator::join);
    } while (claims.size() == BATCH);
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void undo(Tool tool, Tool.Compensation how, Claimed claimed) {
    @Nullable JsonNode output = claimed.output() == null ? null : Json.trusted(claimed.output());
    Tool.Input call =
        new Tool.Input(
            Json.trusted(claimed.input()),
            claimed.call(),
            claimed.owner().tenant(),
            claimed.owner().owner(),
            claimed.turn());
    Tool.Undo undo = new Tool.Undo(call, output, claimed.call() + "-undo");
    parts.faults().at(Point.TOOL_INTENT);
    Made made = new ToolThreads(parts.timers()).make(tool.spec(), () -> how.run(undo));
    parts.faults().at(Point.TOOL_MADE);
    switch (made) {
      case Made.Output done -> {
        String json = Json.text(done.json());
        boolean fits = json.length() <= parts.tools().limits().maxResultChars();
        Compensations.done(parts.database(), claimed, fits ? json : "\"Done.\"");
        metrics.tool("undone");
      }
      case Made.Unfit ignored -> {
        Compensations.done(parts.database(), claimed, "\"Done.\"");
        metrics.tool("undone");
      }
      case Made.Failed failed -> again(claimed, failed.error());
      case Made.Unknown unknown -> again(claimed, unknown.error());
      case Made.Stopped ignored -> {}
    }
  }

  private void again(Claimed claimed, TurnError error) {
    if (claimed.tries() >= MAX_TRIES) {
      LOG.log(
          Level.ERROR,
          "The effect of call {0} of the tool {1} could not be undone in {2} tries; somebody has to"
              + " do it by hand. GET /v1/turns/{3}/calls says what was done.",
          claimed.call(),
          claimed.tool(),
          claimed.tries(),
          claimed.turn());
      metrics.tool("undo_failed");
      Compensations.failed(parts.database(), claimed, error, null);
      return;
    }
    long pause = FIRST_PAUSE.toMillis() << Math.min(claimed.tries() - 1, 20);
    Compensations.failed(
        parts.database(), claimed, error, Math.min(pause, LONGEST_PAUSE.toMillis()));
  }
}
