package dev.perdure.context;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.TurnRequest.Output;
import dev.perdure.protocol.Json;
import dev.perdure.provider.ModelRequest.OutputSpec;
import org.jspecify.annotations.Nullable;

/** The form of a reply, for a wire that has one and for a model that must be told. Stateless. */
final class OutputForm {
  private OutputForm() {}

  static @Nullable OutputSpec of(@Nullable Output output) {
    return output == null
        ? null
        : new OutputSpec(output.name(), output.schema(), strict(output.schema()));
  }

  /** For models whose wire has no form for it. */
  static String words(OutputSpec output) {
    return "Reply with one JSON object and nothing else: no words around it, no code fence. It must"
        + " fit this JSON Schema:\n"
        + Json.text(output.schema());
  }

  /** Whether every object in it names its properties, requires all and allows no others. */
  private static boolean strict(JsonNode schema) {
    if (schema.isArray()) {
      for (JsonNode each : schema) {
        if (!strict(each)) {
          return false;
        }
      }
      return true;
    }
    if (!schema.isObject()) {
      return true;
    }
    JsonNode properties = schema.path("properties");
    boolean object = schema.path("type").asText().equals("object") || properties.isObject();
    if (object
        && (!schema.path("additionalProperties").isBoolean()
            || schema.path("additionalProperties").asBoolean()
            || schema.path("required").size() != properties.size())) {
      return false;
    }
    for (JsonNode each : schema) {
      if (!strict(each)) {
        return false;
      }
    }
    return true;
  }
}
