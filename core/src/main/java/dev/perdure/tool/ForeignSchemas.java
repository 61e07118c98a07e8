package dev.perdure.tool;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SchemaRegistryConfig;
import com.networknt.schema.SpecificationVersion;
import com.networknt.schema.regex.RegularExpression;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/**
 * JSON Schema of authors that are not trusted: of MCP servers and of clients. What could make a
 * check expensive is not checked: references, by which a small schema can ask for exponential work,
 * and regular expressions that take more than a bounded number of looks at their text. Thread-safe.
 */
public final class ForeignSchemas {
  private static final int MAX_DEPTH = 32;
  private static final int MAX_NODES = 5_000;

  /** Looks at characters that one regular expression may take. */
  private static final int MAX_LOOKS = 1_000_000;

  private static final int MAX_PATTERN_CHARS = 1_000;

  /** References; and ids, by which a schema could take the place of another one. */
  private static final List<String> NOT_CHECKED =
      List.of("$ref", "$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor");

  private static final SchemaRegistry REGISTRY =
      SchemaRegistry.withDefaultDialect(
          SpecificationVersion.DRAFT_2020_12,
          builder ->
              builder
                  .schemaLoader(loader -> loader.fetchRemoteResources(false))
                  .schemaRegistryConfig(
                      SchemaRegistryConfig.builder()
                          .regularExpressionFactory(ForeignSchemas::bounded)
                          .build()));

  private ForeignSchemas() {}

  /**
   * A schema of an object; null if it is one that is not checked here.
   *
   * @throws IllegalArgumentException if it is none
   */
  static @Nullable Schema compile(String name, JsonNode schema) {
    if (!schema.isObject() || !schema.path("type").asText().equals("object")) {
      throw new IllegalArgumentException(
          "The schema of '" + name + "' must have \"type\": \"object\": models give arguments so.");
    }
    if (!affordable(schema)) {
      return null;
    }
    try {
      // Drafts differ little in what tools use, and most servers still name an older one.
      Schema compiled = REGISTRY.getSchema(((ObjectNode) schema).deepCopy().without("$schema"));
      compiled.initializeValidators();
      return compiled;
    } catch (RuntimeException | StackOverflowError e) {
      throw new IllegalArgumentException("The schema of '" + name + "' is no JSON Schema.", e);
    }
  }

  /** What is wrong with a value for a schema that came with it; null if nothing is. */
  public static @Nullable String fault(String name, JsonNode schema, JsonNode value) {
    try {
      @Nullable Schema compiled = compile(name, schema);
      return compiled == null ? null : fault(compiled, value);
    } catch (IllegalArgumentException e) {
      // Whose schema is none checks its values itself.
      return null;
    }
  }

  static @Nullable String fault(Schema compiled, JsonNode value) {
    try {
      return Schemas.fault(compiled, value);
    } catch (RuntimeException | StackOverflowError e) {
      // The schema was not as good as it looked.
      return null;
    }
  }

  /** Whether a check costs no more than schema times value. */
  private static boolean affordable(JsonNode schema) {
    Deque<JsonNode> level = new ArrayDeque<>();
    level.add(schema);
    int nodes = 0;
    for (int depth = 0; !level.isEmpty(); depth++) {
      Deque<JsonNode> next = new ArrayDeque<>();
      for (JsonNode node : level) {
        nodes++;
        if (depth > MAX_DEPTH || nodes > MAX_NODES || NOT_CHECKED.stream().anyMatch(node::has)) {
          return false;
        }
        node.forEach(next::add);
      }
      level = next;
    }
    return true;
  }

  private static RegularExpression bounded(String regex) {
    if (regex.length() > MAX_PATTERN_CHARS) {
      return value -> true;
    }
    Pattern pattern;
    try {
      pattern = Pattern.compile(regex);
    } catch (PatternSyntaxException e) {
      // Of another dialect; what it would say is not known.
      return value -> true;
    }
    return value -> {
      try {
        return pattern.matcher(new Watched(value, new int[] {MAX_LOOKS}, 0, value.length())).find();
      } catch (TooManyLooksException | StackOverflowError e) {
        return true;
      }
    };
  }

  private static final class TooManyLooksException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    TooManyLooksException() {
      super("A regular expression took too many looks at its text", null, false, false);
    }
  }

  /** Text that can be looked at so many times. For one thread. */
  private static final class Watched implements CharSequence {
    private final String text;
    private final int[] left;
    private final int from;
    private final int to;

    Watched(String text, int[] left, int from, int to) {
      this.text = text;
      this.left = left;
      this.from = from;
      this.to = to;
    }

    @Override
    public char charAt(int index) {
      if (--left[0] < 0) {
        throw new TooManyLooksException();
      }
      return text.charAt(from + index);
    }

    @Override
    public int length() {
      return to - from;
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return new Watched(text, left, from + start, from + end);
    }

    @Override
    public String toString() {
      return text.substring(from, to);
    }
  }
}
