package dev.perdure.tool;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.WaitFor;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;

/** Lets a model go on later. Thread-safe. */
public final class WaitTool implements WaitingTool {
  private static final Spec SPEC =
      new Spec(
          "wait",
          "Pauses this reply and goes on later, even if that is in days. Give either 'for' or"
              + " 'until'. The user's further messages wait meanwhile.",
          Json.trusted(
              """
              {"type":"object","additionalProperties":false,"minProperties":1,"maxProperties":1,
               "properties":{
                "for":{"type":"string","maxLength":32,
                       "description":"How long, in ISO 8601, such as PT10M, PT2H30M or P3D"},
                "until":{"type":"string","maxLength":40,
                         "description":"When, in ISO 8601 with an offset, such as\
               2026-03-01T09:00:00+01:00"}}}\
              """),
          Effect.READ,
          Approval.NEVER,
          Spec.DEFAULT_LIMIT);

  private final Duration longest;

  public WaitTool(Duration longest) {
    this.longest = longest;
  }

  @Override
  public Spec spec() {
    return SPEC;
  }

  @Override
  public Wait begin(JsonNode arguments, Instant now) throws ToolException {
    Instant until = until(arguments, now);
    if (Duration.between(now, until).compareTo(longest) > 0) {
      throw new ToolException(
          "That is too far ahead: at most " + longest + " from now, which is " + now + ".");
    }
    return new Wait(WaitFor.TIME, until, null);
  }

  private static Instant until(JsonNode arguments, Instant now) throws ToolException {
    String text = arguments.path("for").asText(arguments.path("until").asText());
    try {
      if (!arguments.has("for")) {
        return OffsetDateTime.parse(text).toInstant();
      }
      Duration length = Duration.parse(text);
      if (length.isNegative()) {
        throw new ToolException("'" + text + "' is in the past. Give a time to come.");
      }
      return now.plus(length);
    } catch (DateTimeException | ArithmeticException e) {
      throw new ToolException(
          "'"
              + text
              + "' cannot be read. Use 'for' as in PT10M, or 'until' as in"
              + " 2026-03-01T09:00:00+01:00.");
    }
  }
}
