package dev.perdure.engine;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.TurnRequest;
import dev.perdure.chat.TurnRequest.ClientTool;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent.ToolCalled;
import dev.perdure.provider.ModelRequest.ToolSpec;
import dev.perdure.tool.ForeignSchemas;
import dev.perdure.tool.Tool;
import dev.perdure.tool.Tools;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The tools that one reply may use: those of the server that the turn allows, and those of its
 * client. For one lane's thread, but for {@link #tool}, {@link #fault} and {@link #asks}.
 */
final class Offer {
  private final Tools tools;
  private final TurnRequest request;
  private final List<ToolSpec> specs = new ArrayList<>();

  /** Models that have refused a request with tools. */
  private final Set<String> without = new HashSet<>();

  Offer(Tools tools, TurnRequest request) {
    this.tools = tools;
    this.request = request;
    for (Tool tool : tools.allowed(request.tools())) {
      Tool.Spec spec = tool.spec();
      specs.add(new ToolSpec(spec.name(), spec.description(), spec.schema()));
    }
    for (ClientTool tool : request.clientTools()) {
      specs.add(new ToolSpec(tool.name(), tool.description(), tool.schema()));
    }
  }

  /** What a model is told of. */
  List<ToolSpec> specs(String model) {
    return without.contains(model) ? List.of() : specs;
  }

  /** Offers nothing to this model any more; false if nothing was offered. */
  boolean withdraw(String model) {
    return !specs.isEmpty() && without.add(model);
  }

  /** The server's tool of a call; empty if the client runs it, or nobody does. */
  Optional<Tool> tool(ToolCalled call) {
    return isClients(call)
        ? Optional.empty()
        : tools.find(call.tool()).filter(tool -> Tools.allows(request.tools(), tool));
  }

  boolean isClients(ToolCalled call) {
    return client(call) != null;
  }

  /** Whether somebody must agree to the call. */
  boolean asks(Tool tool, ToolCalled call) {
    return request.askFirst().contains(call.tool())
        || tool.spec().approval().needed(Json.trusted(call.input()));
  }

  /**
   * Why a call is not made, for the model to do better; null if it may be.
   *
   * @param place of the call among those of its step, from 0
   */
  @Nullable TurnError fault(ToolCalled call, int place) {
    int max = tools.limits().maxCalls();
    if (place >= max) {
      return new TurnError(
          "too_many_calls",
          "This is more than the " + max + " calls that one step may make. Ask again for it.",
          false);
    }
    return fault(call);
  }

  /** The same, of a call that is not too many. */
  @Nullable TurnError fault(ToolCalled call) {
    JsonNode input = Json.trusted(call.input());
    boolean known = isClients(call) || tool(call).isPresent();
    if (!known) {
      return new TurnError(
          "unknown_tool",
          specs.isEmpty()
              ? "There are no tools here. Answer without them."
              : "There is no tool '"
                  + shown(call.tool())
                  + "'. There are: "
                  + String.join(", ", specs.stream().map(ToolSpec::name).toList())
                  + ".",
          false);
    }
    if (!input.isObject()) {
      return invalid(call, "they are not an object of JSON");
    }
    @Nullable ClientTool client = client(call);
    @Nullable String fault =
        client == null
            ? tools.fault(call.tool(), input).orElse(null)
            : ForeignSchemas.fault(client.name(), client.schema(), input);
    return fault == null ? null : invalid(call, fault);
  }

  private @Nullable ClientTool client(ToolCalled call) {
    return request.clientTools().stream()
        .filter(tool -> tool.name().equals(call.tool()))
        .findFirst()
        .orElse(null);
  }

  private static TurnError invalid(ToolCalled call, String fault) {
    return new TurnError(
        "invalid_arguments",
        "The arguments for '" + call.tool() + "' do not fit its schema: " + fault + ".",
        false);
  }

  private static String shown(String name) {
    return name.length() <= 64 ? name : name.substring(0, 64) + "…";
  }
}
