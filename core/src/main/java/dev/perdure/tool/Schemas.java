package dev.perdure.tool;

import com.fasterxml.jackson.databind.JsonNode;
import com.networknt.schema.Error;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaException;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * JSON Schema (draft 2020-12) of trusted authors: those of this program and of its operator.
 * Nothing is fetched for a reference. Thread-safe.
 */
final class Schemas {
  private static final int MAX_ERRORS = 5;
  private static final int MAX_ERROR_CHARS = 300;

  private static final SchemaRegistry REGISTRY =
      SchemaRegistry.withDefaultDialect(
          SpecificationVersion.DRAFT_2020_12,
          builder -> builder.schemaLoader(loader -> loader.fetchRemoteResources(false)));

  private Schemas() {}

  /**
   * @throws IllegalArgumentException if it is no schema of an object
   */
  static Schema compile(String name, JsonNode schema) {
    if (!schema.path("type").asText().equals("object")) {
      throw new IllegalArgumentException(
          "The schema of '" + name + "' must have \"type\": \"object\": models give arguments so.");
    }
    try {
      Schema compiled = REGISTRY.getSchema(schema);
      compiled.initializeValidators();
      return compiled;
    } catch (SchemaException e) {
      throw new IllegalArgumentException(
          "The schema of '" + name + "' is no JSON Schema: " + e.getMessage(), e);
    }
  }

  /** What is wrong with a value of any type, by a schema that this program has made. */
  static @Nullable String faultOf(JsonNode schema, JsonNode value) {
    return fault(REGISTRY.getSchema(schema), value);
  }

  /** What is wrong with the value, for the one who made it; null if nothing is. */
  static @Nullable String fault(Schema schema, JsonNode value) {
    List<Error> errors = schema.validate(value);
    return errors.isEmpty()
        ? null
        : errors.stream()
            .limit(MAX_ERRORS)
            .map(error -> shortened(error.toString()))
            .collect(Collectors.joining("; "));
  }

  private static String shortened(String text) {
    return text.length() <= MAX_ERROR_CHARS ? text : text.substring(0, MAX_ERROR_CHARS) + "…";
  }
}
