package dev.perdure.provider;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.GenerationParams;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One call to a model.
 *
 * @param model the vendor's own name of the model, without the provider's prefix
 * @param instructions the system prompt; null for none
 * @param messages alternating history, oldest first; the last one is the user's
 * @param params sampling and length; absent values are left to the provider
 * @param limits how long silence is borne
 * @param tools what the model may ask for
 * @param steps what it has said and asked for since the last message, oldest first
 * @param after what is said after these steps, such as a wish for a better reply; mostly empty
 * @param output the form that the reply must have; null for any
 */
public record ModelRequest(
    String model,
    @Nullable String instructions,
    List<ModelMessage> messages,
    GenerationParams params,
    Limits limits,
    List<ToolSpec> tools,
    List<ModelStep> steps,
    List<ModelMessage> after,
    @Nullable OutputSpec output) {

  public ModelRequest {
    messages = List.copyOf(messages);
    tools = List.copyOf(tools);
    steps = List.copyOf(steps);
    after = List.copyOf(after);
  }

  /** A call without tools. */
  public ModelRequest(
      String model,
      @Nullable String instructions,
      List<ModelMessage> messages,
      GenerationParams params,
      Limits limits) {
    this(model, instructions, messages, params, limits, List.of(), List.of(), List.of(), null);
  }

  /** The same call with these tools, after these steps. */
  public ModelRequest with(List<ToolSpec> offered, List<ModelStep> before) {
    return new ModelRequest(
        model, instructions, messages, params, limits, offered, before, after, output);
  }

  /** The same call, whose reply must have this form; null for any. */
  public ModelRequest inForm(@Nullable OutputSpec form) {
    return new ModelRequest(
        model, instructions, messages, params, limits, tools, steps, after, form);
  }

  /** The same call, with this said after everything else. */
  public ModelRequest then(List<ModelMessage> more) {
    return new ModelRequest(
        model, instructions, messages, params, limits, tools, steps, more, output);
  }

  public enum Role {
    USER,
    ASSISTANT
  }

  /**
   * A message of the history.
   *
   * @param files in front of the text; only the user's messages have some
   */
  public record ModelMessage(Role role, String text, List<ModelFile> files) {
    public ModelMessage {
      files = List.copyOf(files);
    }

    public ModelMessage(Role role, String text) {
      this(role, text, List.of());
    }
  }

  /**
   * A file that a model is given as it is: an image or a PDF.
   *
   * @param mediaType such as {@code image/png}
   * @param base64 its content
   */
  public record ModelFile(String name, String mediaType, String base64) {
    public boolean isImage() {
      return mediaType.startsWith("image/");
    }

    /** As a URL that holds the content (RFC 2397). */
    public String dataUrl() {
      return "data:" + mediaType + ";base64," + base64;
    }
  }

  /**
   * The form of a reply: JSON that fits a schema.
   *
   * @param name of letters, digits, '_' and '-'
   * @param schema JSON Schema of an object; not to be changed
   * @param strict whether the schema is of the kind that vendors can enforce: all objects name all
   *     their properties, require them and allow no others
   */
  public record OutputSpec(String name, JsonNode schema, boolean strict) {}

  /**
   * A tool as a model is told of it.
   *
   * @param schema JSON Schema of its arguments, an object; not to be changed
   */
  public record ToolSpec(String name, String description, JsonNode schema) {}

  /**
   * A finished step of the reply: what the model said, and the tools it asked for.
   *
   * @param uses at least one
   * @param carried what the same wire gave as {@link ModelEvent.Carried}; null for nothing
   */
  public record ModelStep(String text, List<ToolUse> uses, @Nullable String carried) {
    public ModelStep {
      uses = List.copyOf(uses);
    }
  }

  /**
   * A call of a tool and what came of it.
   *
   * @param call our id of the call
   * @param ref the provider's own id of it; null if it had none
   * @param input the arguments as compact JSON
   * @param result the text that the model is shown
   */
  public record ToolUse(
      String call, @Nullable String ref, String tool, String input, String result, boolean failed) {

    /** An id for a wire that needs one. */
    public String id() {
      return ref == null ? call : ref;
    }
  }

  /**
   * @param connect until the connection stands, TLS included
   * @param firstToken from the request being sent to the first {@link ModelEvent.Delta}; pings and
   *     comments do not count
   * @param idle the longest silence on the wire after the first delta; pings end it, but without
   *     anything more of the answer they do so for no longer than {@code firstToken}
   */
  public record Limits(Duration connect, Duration firstToken, Duration idle) {
    public static final Limits DEFAULT =
        new Limits(Duration.ofSeconds(10), Duration.ofSeconds(120), Duration.ofSeconds(60));
  }
}
