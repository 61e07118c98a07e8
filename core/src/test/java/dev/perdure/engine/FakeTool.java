package dev.perdure.engine;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.ToolException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * A tool that notes its calls and does what it is told: returns its arguments, fails, breaks,
 * hangs. Thread-safe.
 */
final class FakeTool implements Tool {
  /** What a call does. */
  interface Act {
    JsonNode run(Input input) throws ToolException, InterruptedException;
  }

  final List<Input> calls = new CopyOnWriteArrayList<>();
  private final Spec spec;
  private final Act act;
  private final boolean undoes;

  FakeTool(String name, Effect effect) {
    this(name, effect, Approval.NEVER, Input::arguments);
  }

  FakeTool(String name, Effect effect, Approval approval, Act act) {
    this(name, effect, approval, act, false);
  }

  FakeTool(String name, Effect effect, Approval approval, Act act, boolean undoes) {
    this.undoes = undoes;
    this.spec =
        new Spec(
            name,
            "A tool for tests.",
            Json.trusted(
                "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}},\"additionalProperties\":false}"),
            effect,
            approval,
            // The timers of the harness end shorter ones at once.
            Duration.ofMinutes(5));
    this.act = act;
  }

  @Override
  public Spec spec() {
    return spec;
  }

  @Override
  public Optional<Compensation> compensation() {
    return undoes ? Optional.of(undo -> undo.call().arguments()) : Optional.empty();
  }

  @Override
  public JsonNode run(Input input) throws ToolException, InterruptedException {
    calls.add(input);
    return act.run(input);
  }
}
