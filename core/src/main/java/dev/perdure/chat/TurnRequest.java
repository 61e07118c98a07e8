package dev.perdure.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.NullNode;
import dev.perdure.protocol.GenerationParams;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * How a turn is to be answered: what of a message's request outlives the accepting of it.
 *
 * @param models one lane each, {@code provider/model}; the same model may stand twice
 * @param fallbacks models that a lane goes on with, in order, when its own keeps failing
 * @param instructions the system prompt; null for none
 * @param recovery what becomes of a model call that a crash cut short
 * @param tools the tools of the server that may be used; null for all
 * @param askFirst those of them that need an approval each time, whatever they declare
 * @param clientTools tools that the client runs
 * @param output the form that the reply must have; null for the session's, or else any
 * @param toolLimits how much of tools each reply may use; null for all that the server allows
 */
public record TurnRequest(
    List<String> models,
    List<String> fallbacks,
    @Nullable String instructions,
    GenerationParams params,
    Recovery recovery,
    @Nullable List<String> tools,
    List<String> askFirst,
    List<ClientTool> clientTools,
    @Nullable Output output,
    @Nullable ToolLimits toolLimits) {

  public TurnRequest {
    models = List.copyOf(models);
    fallbacks = List.copyOf(fallbacks);
    tools = tools == null ? null : List.copyOf(tools);
    // A turn that an older version accepted has none of them.
    askFirst = askFirst == null ? List.of() : List.copyOf(askFirst);
    clientTools = clientTools == null ? List.of() : List.copyOf(clientTools);
    toolLimits = ToolLimits.NONE.equals(toolLimits) ? null : toolLimits;
  }

  /** A request that says nothing of tools. */
  public TurnRequest(
      List<String> models,
      List<String> fallbacks,
      @Nullable String instructions,
      GenerationParams params,
      Recovery recovery) {
    this(models, fallbacks, instructions, params, recovery, null, List.of(), List.of(), null, null);
  }

  /** The same request, with other models. */
  public TurnRequest withModels(List<String> others) {
    return copy(others, tools, output, toolLimits);
  }

  /** The same request, within what its session allows; its tools where it names none itself. */
  public TurnRequest within(@Nullable List<String> allowed, ToolLimits limits) {
    return copy(models, tools == null ? allowed : tools, output, limits().and(limits));
  }

  /** The same request; where it does not say something, what its session says. */
  TurnRequest withDefaults(Session.Settings session) {
    TurnRequest all = within(session.tools(), session.toolLimits());
    if (output == null) {
      return session.output() == null ? all : all.withOutput(session.output());
    }
    return output.isAny() ? all.withOutput(null) : all;
  }

  /** The same request, whose replies must have this form; null for any. */
  public TurnRequest withOutput(@Nullable Output form) {
    return copy(models, tools, form, toolLimits);
  }

  /** How much of tools each reply may use. */
  public ToolLimits limits() {
    return toolLimits == null ? ToolLimits.NONE : toolLimits;
  }

  private TurnRequest copy(
      List<String> ofModels,
      @Nullable List<String> allowed,
      @Nullable Output form,
      @Nullable ToolLimits limits) {
    return new TurnRequest(
        ofModels,
        fallbacks,
        instructions,
        params,
        recovery,
        allowed,
        askFirst,
        clientTools,
        form,
        limits);
  }

  /**
   * The form of a reply: JSON that fits a schema.
   *
   * @param schema JSON Schema of an object
   */
  public record Output(String name, JsonNode schema) {
    /** Any form, whatever the session says; only in what is not accepted yet. */
    public static final Output ANY = new Output("", NullNode.instance);

    boolean isAny() {
      return name.isEmpty();
    }
  }

  /**
   * A tool that the client runs.
   *
   * @param schema JSON Schema of the arguments
   */
  public record ClientTool(String name, String description, JsonNode schema) {}

  /** {@code RESTART}: a new attempt. {@code FAIL}: the lane fails, with the text so far. */
  public enum Recovery {
    RESTART,
    FAIL;

    public String wire() {
      return name().toLowerCase(Locale.ROOT);
    }
  }
}
