package dev.perdure.engine;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.TurnEvent.ToolCalled;
import dev.perdure.protocol.TurnEvent.ToolReturned;
import dev.perdure.protocol.TurnFold.CallSnapshot;
import dev.perdure.protocol.TurnFold.StepSnapshot;
import dev.perdure.provider.ModelRequest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The steps of a reply that are over, as a model is told of them in the next one. Stateless. */
final class EarlierSteps {
  private EarlierSteps() {}

  /**
   * @param model {@code provider/model}, that is told of them
   */
  static List<ModelRequest.ModelStep> of(List<StepSnapshot> before, String model) {
    List<ModelRequest.ModelStep> out = new ArrayList<>();
    for (StepSnapshot earlier : before) {
      // Another model knows nothing of ids and signatures of the first one's vendor.
      boolean same = earlier.model().equals(model);
      out.add(
          new ModelRequest.ModelStep(
              earlier.text(), uses(earlier, same), same ? earlier.carried() : null));
    }
    return out;
  }

  /** The calls that the model itself has asked for, each with what came of it. */
  private static List<ModelRequest.ToolUse> uses(StepSnapshot step, boolean same) {
    Map<String, CallSnapshot> successors = new HashMap<>();
    for (CallSnapshot call : step.calls()) {
      if (call.asked().replaces() != null) {
        successors.put(call.asked().replaces(), call);
      }
    }
    return step.calls().stream()
        .filter(call -> call.asked().replaces() == null)
        .map(call -> use(call, successors.get(call.asked().call()), same))
        .toList();
  }

  /**
   * One call as the model is told of it. What it has said itself stays as it was, because vendors
   * sign that; that somebody has changed the arguments stands in the result.
   */
  private static ModelRequest.ToolUse use(
      CallSnapshot call, @Nullable CallSnapshot successor, boolean same) {
    if (successor != null) {
      ModelRequest.ToolUse made = use(successor, null, same);
      ToolCalled asked = call.asked();
      return new ModelRequest.ToolUse(
          asked.call(),
          same ? asked.ref() : null,
          asked.tool(),
          asked.input(),
          "The user has changed the arguments to "
              + made.input()
              + " and agreed to that. Result: "
              + made.result(),
          made.failed());
    }
    ToolCalled asked = call.asked();
    @Nullable ToolReturned returned = call.returned();
    String result;
    boolean failed = returned == null || returned.error() != null;
    if (returned == null) {
      result = "Error: the call has no result.";
    } else if (returned.error() != null) {
      result = "Error: " + returned.error().text();
    } else {
      JsonNode output = Json.trusted(requireNonNull(returned.output(), "output is null"));
      result = output.isTextual() ? output.textValue() : Json.text(output);
    }
    return new ModelRequest.ToolUse(
        asked.call(), same ? asked.ref() : null, asked.tool(), asked.input(), result, failed);
  }
}
