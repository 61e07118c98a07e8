package dev.perdure.engine;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest;
import dev.perdure.chat.TurnRequest.ClientTool;
import dev.perdure.context.Offered;
import dev.perdure.context.Offered.Told;
import dev.perdure.context.ToolChoice;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent.ToolCalled;
import dev.perdure.provider.ModelRequest.ToolSpec;
import dev.perdure.tool.ForeignSchemas;
import dev.perdure.tool.Tool;
import dev.perdure.tool.Tools;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntSupplier;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The tools that one reply may use: those of the server that the turn allows, and those of its
 * client. For one lane's thread, but for {@link #tool}, {@link #fault} and {@link #asks}.
 */
final class Offer {
  /** Of a model's window, the part that telling it of tools may take: a quarter. */
  private static final int SHARE = 4;

  /** Names of tools in what a model is told of a wrong one. */
  private static final int MAX_NAMED = 64;

  private final Tools tools;
  private final TurnRequest request;
  private final List<Told> all = new ArrayList<>();

  /** The names, the most wanted first; null as long as all are told. */
  private @Nullable List<String> order;

  private final ToIntFunction<String> windows;

  /** Models that have refused a request with tools. */
  private final Set<String> without = new HashSet<>();

  /**
   * @param windows how many tokens a model's window has
   */
  Offer(Tools tools, TurnRequest request, ToIntFunction<String> windows) {
    this.tools = tools;
    this.request = request;
    this.windows = windows;
    for (Tool tool : tools.allowed(request.tools())) {
      Tool.Spec spec = tool.spec();
      all.add(Told.of(new ToolSpec(spec.name(), spec.description(), spec.schema())));
    }
    for (ClientTool tool : request.clientTools()) {
      all.add(Told.of(new ToolSpec(tool.name(), tool.description(), tool.schema())));
    }
  }

  /**
   * The offer of a lane, which is the same after each takeover; null if the lane must stop. Where
   * there are more tools than its models are told of, the order in which they are wanted is stored
   * with the turn.
   */
  static @Nullable Offer of(LaneWork work) {
    Turn turn = work.turn();
    Offer offer = new Offer(work.parts().tools(), turn.request(), work.parts().context()::window);
    offer.order = turn.toolOrder();
    if (offer.order == null && !offer.fitsAll()) {
      Set<String> first = new LinkedHashSet<>();
      turn.request().clientTools().forEach(tool -> first.add(tool.name()));
      offer.order = work.held(tx -> ToolChoice.order(tx, turn, first, offer.all));
      return offer.order == null ? null : offer;
    }
    return offer;
  }

  private boolean fitsAll() {
    return Stream.concat(request.models().stream(), request.fallbacks().stream())
        .allMatch(model -> ToolChoice.fits(all, tools.limits().told().maxTools(), tokens(model)));
  }

  private int tokens(String model) {
    return Math.min(tools.limits().told().maxTokens(), windows.applyAsInt(model) / SHARE);
  }

  /** What a model is told of. */
  Offered offered(String model) {
    Tools.Told told = tools.limits().told();
    return without.contains(model) || told.without(model)
        ? Offered.NONE
        : ToolChoice.take(all, order, told.maxTools(), tokens(model));
  }

  /** Offers nothing to this model any more; false if nothing was offered. */
  boolean withdraw(String model) {
    return !all.isEmpty() && without.add(model);
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
   * @param before how many calls the reply has made in earlier steps
   */
  @Nullable TurnError fault(ToolCalled call, int place, IntSupplier before) {
    int max = tools.limits().maxCalls();
    @Nullable Integer ofReply = request.limits().calls();
    if (ofReply != null && before.getAsInt() + place >= ofReply) {
      return new TurnError(
          "too_many_calls",
          "This is more than the " + ofReply + " calls that this reply may make. Go on without it.",
          false);
    }
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
          all.isEmpty()
              ? "There are no tools here. Answer without them."
              : "There is no tool '"
                  + shown(call.tool())
                  + "'. There are: "
                  + String.join(", ", names())
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

  private List<String> names() {
    Stream<String> names =
        order == null ? all.stream().map(told -> told.spec().name()) : order.stream();
    return names.limit(MAX_NAMED).toList();
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
