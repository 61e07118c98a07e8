package dev.perdure.tool;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.perdure.protocol.Json;
import java.time.DateTimeException;
import java.time.InstantSource;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.Locale;

/** What time it is, which no model knows. Thread-safe. */
public final class TimeTool implements Tool {
  private static final Spec SPEC =
      new Spec(
          "time",
          "Tells the current date and time.",
          Json.trusted(
              """
              {"type":"object","additionalProperties":false,"properties":{
                "zone":{"type":"string","maxLength":64,
                        "description":"Time zone such as Europe/Berlin; UTC if left out"}}}\
              """),
          Effect.READ,
          Approval.NEVER,
          Spec.DEFAULT_LIMIT);

  private final InstantSource clock;

  public TimeTool(InstantSource clock) {
    this.clock = clock;
  }

  @Override
  public Spec spec() {
    return SPEC;
  }

  @Override
  public JsonNode run(Input input) throws ToolException {
    String zone = input.arguments().path("zone").asText("UTC");
    try {
      ZonedDateTime now = clock.instant().atZone(ZoneId.of(zone)).truncatedTo(ChronoUnit.SECONDS);
      return JsonNodeFactory.instance
          .objectNode()
          .put("time", now.format(DateTimeFormatter.ISO_OFFSET_DATE_TIME))
          .put("zone", now.getZone().getId())
          .put("weekday", now.getDayOfWeek().name().toLowerCase(Locale.ROOT));
    } catch (DateTimeException e) {
      throw new ToolException(
          "'" + zone + "' is no time zone. Use a name such as Europe/Berlin, or UTC.");
    }
  }
}
