package dev.perdure.tool;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.WaitFor;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Lets a model ask the user and wait for the answer. Thread-safe.
 *
 * <p>A form is a flat object of texts, numbers, truth values and choices, as in the elicitation of
 * the Model Context Protocol: what a client can show without knowing JSON Schema. Patterns and
 * references are not taken from a model.
 */
public final class AskUserTool implements WaitingTool {
  private static final Duration SHORTEST = Duration.ofSeconds(1);

  private static final Spec SPEC =
      new Spec(
          "ask_user",
          "Asks the user and waits for the answer. Give 'choices' if the answer is one of a few, or"
              + " 'form' if you need several things; otherwise the user answers freely.",
          Json.trusted(
              """
              {"type":"object","additionalProperties":false,"required":["question"],
               "not":{"required":["choices","form"]},
               "properties":{
                "question":{"type":"string","minLength":1,"maxLength":4000},
                "choices":{"type":"array","minItems":2,"maxItems":32,"uniqueItems":true,
                           "items":{"type":"string","minLength":1,"maxLength":200}},
                "form":{"type":"object","additionalProperties":false,
                        "required":["type","properties"],
                        "description":"A flat JSON Schema of type object",
                  "properties":{
                   "type":{"const":"object"},
                   "required":{"type":"array","maxItems":32,
                               "items":{"type":"string","maxLength":64}},
                   "properties":{"type":"object","minProperties":1,"maxProperties":32,
                     "propertyNames":{"maxLength":64},
                     "additionalProperties":{"type":"object","additionalProperties":false,
                       "required":["type"],
                       "properties":{
                        "type":{"enum":["string","number","integer","boolean"]},
                        "title":{"type":"string","maxLength":200},
                        "description":{"type":"string","maxLength":1000},
                        "default":{"type":["string","number","boolean"]},
                        "enum":{"type":"array","minItems":1,"maxItems":32,
                                "items":{"type":["string","number"]}},
                        "minimum":{"type":"number"},"maximum":{"type":"number"},
                        "minLength":{"type":"integer","minimum":0,"maximum":100000},
                        "maxLength":{"type":"integer","minimum":0,"maximum":100000}}}}}},
                "within":{"type":"string","maxLength":32,
                          "description":"How long to wait, in ISO 8601, such as PT8H or P2D"}}}\
              """),
          Effect.READ,
          Approval.NEVER,
          Spec.DEFAULT_LIMIT);

  private final Duration usual;
  private final Duration longest;

  /**
   * @param usual how long a question is open if the model does not say
   */
  public AskUserTool(Duration usual, Duration longest) {
    this.usual = usual;
    this.longest = longest;
  }

  @Override
  public Spec spec() {
    return SPEC;
  }

  @Override
  public Wait begin(JsonNode arguments, Instant now) throws ToolException {
    Duration within = within(arguments);
    if (within.compareTo(SHORTEST) < 0 || within.compareTo(longest) > 0) {
      throw new ToolException("'within' must be from " + SHORTEST + " to " + longest + ".");
    }
    return new Wait(WaitFor.INPUT, now.plus(within), accepts(arguments));
  }

  private Duration within(JsonNode arguments) throws ToolException {
    if (!arguments.has("within")) {
      return usual;
    }
    String text = arguments.get("within").asText();
    try {
      return Duration.parse(text);
    } catch (DateTimeException | ArithmeticException e) {
      throw new ToolException("'" + text + "' is no duration. Write it as in PT8H or P2D.");
    }
  }

  private static @Nullable JsonNode accepts(JsonNode arguments) {
    if (arguments.has("choices")) {
      return JsonNodeFactory.instance.objectNode().set("enum", arguments.get("choices"));
    }
    if (!arguments.has("form")) {
      return null;
    }
    ObjectNode form = arguments.get("form").deepCopy();
    return form.put("additionalProperties", false);
  }

  /** What is wrong with an answer, by what a question accepts; empty if nothing is. */
  public static Optional<String> fault(JsonNode accepts, JsonNode answer) {
    return Optional.ofNullable(Schemas.faultOf(accepts, answer));
  }
}
