package dev.perdure.tool;

import com.fasterxml.jackson.databind.JsonNode;
import com.networknt.schema.Schema;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The schema of a reply. A caller has written it, so it must be one whose check costs little: no
 * regular expressions, no recursion, not too large once its references are put in. Immutable.
 */
public final class OutputSchema {
  /** Schemas within it, counted each time that they are referred to. */
  private static final int MAX_SCHEMAS = 2_000;

  private static final int MAX_DEPTH = 64;

  private static final String DEFS = "#/$defs/";

  /** Whose values are schemas by name. */
  private static final Set<String> NAMED = Set.of("properties", "$defs", "dependentSchemas");

  private static final Set<String> REFUSED =
      Set.of(
          "pattern",
          "patternProperties",
          "propertyNames",
          "$id",
          "$anchor",
          "$dynamicRef",
          "$dynamicAnchor",
          "$recursiveRef",
          "$schema",
          "$vocabulary");

  private final Schema schema;

  private OutputSchema(Schema schema) {
    this.schema = schema;
  }

  /**
   * @throws IllegalArgumentException if it is no schema of an object, or costs too much
   */
  public static OutputSchema of(JsonNode schema) {
    new Cost(schema).count(schema, 0);
    return new OutputSchema(Schemas.compile("output", schema));
  }

  /** What is wrong with a value, for the one who made it; null if nothing is. */
  public @Nullable String fault(JsonNode value) {
    return Schemas.fault(schema, value);
  }

  /** How many schemas a value is compared with. */
  private static final class Cost {
    private final JsonNode root;
    private int schemas;

    Cost(JsonNode root) {
      this.root = root;
    }

    void count(JsonNode schema, int depth) {
      if (++schemas > MAX_SCHEMAS || depth > MAX_DEPTH) {
        throw new IllegalArgumentException(
            "The schema is recursive, nested deeper than "
                + MAX_DEPTH
                + ", or has more than "
                + MAX_SCHEMAS
                + " schemas in it. Simplify it.");
      }
      schema
          .properties()
          .forEach(entry -> {
            String key = entry.getKey();
            if (REFUSED.contains(key)) {
              throw new IllegalArgumentException(
                  "The schema has '" + key + "', which is not accepted here. Leave it out.");
            }
            if (key.equals("$ref")) {
              count(referred(entry.getValue().asText()), depth + 1);
            } else if (key.equals("$defs") || key.equals("definitions")) {
              // Counted where it is referred to.
              if (key.equals("definitions")) {
                throw new IllegalArgumentException("Call 'definitions' '$defs' in the schema.");
              }
            } else if (NAMED.contains(key)) {
              entry.getValue().forEach(each -> count(each, depth + 1));
            } else if (!Set.of("enum", "const", "default", "examples").contains(key)) {
              inside(entry.getValue(), depth);
            }
          });
    }

    private void inside(JsonNode value, int depth) {
      if (value.isObject()) {
        count(value, depth + 1);
      } else if (value.isArray()) {
        value.forEach(each -> inside(each, depth));
      }
    }

    private JsonNode referred(String ref) {
      String name = ref.startsWith(DEFS) ? ref.substring(DEFS.length()) : "";
      JsonNode definition = root.path("$defs").path(name);
      if (name.isEmpty() || name.indexOf('/') >= 0 || !definition.isObject()) {
        throw new IllegalArgumentException(
            "The schema refers to '"
                + (ref.length() > 64 ? ref.substring(0, 64) + "…" : ref)
                + "'. Refer to '#/$defs/NAME' only, which must be there.");
      }
      return definition;
    }
  }
}
