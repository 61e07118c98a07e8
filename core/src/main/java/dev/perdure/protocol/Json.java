package dev.perdure.protocol;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.util.JsonRecyclerPools;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * The one JSON mapper, with limits for untrusted input: nesting, number length and string length
 * are bounded, duplicate keys are refused. Thread-safe.
 */
public final class Json {
  private static final int MAX_DEPTH = 64;

  /** Of a value that is to be stored: what holds it adds some levels of its own. */
  public static final int MAX_STORED_DEPTH = 48;

  private static final int MAX_NUMBER_CHARS = 64;
  private static final int MAX_STRING_CHARS = 32 * 1024 * 1024;

  public static final ObjectMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(MAX_DEPTH)
                          .maxNumberLength(MAX_NUMBER_CHARS)
                          .maxStringLength(MAX_STRING_CHARS)
                          .build())
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  // The default pool is per thread, which with virtual threads is no pool at all.
                  .recyclerPool(JsonRecyclerPools.sharedConcurrentDequePool())
                  .build())
          .build();

  private Json() {}

  /** The node as compact JSON text. */
  public static String text(JsonNode node) {
    try {
      return MAPPER.writeValueAsString(node);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A JSON tree that cannot be written", e);
    }
  }

  /**
   * The value as it can be stored anywhere, compact: of strings and names, U+0000 and halves of
   * surrogate pairs become U+FFFD. Reading and writing it again changes nothing.
   *
   * @throws IllegalArgumentException for what could not be read again: a number that no double
   *     holds, that is not finite or has too many digits, and objects nested too deeply
   */
  public static JsonNode clean(JsonNode value) {
    return clean(value, 0);
  }

  private static JsonNode clean(JsonNode value, int depth) {
    if (depth >= MAX_STORED_DEPTH && value.isContainerNode()) {
      throw new IllegalArgumentException(
          "It is nested deeper than " + MAX_STORED_DEPTH + " levels");
    }
    return switch (value.getNodeType()) {
      case OBJECT -> {
        ObjectNode out = MAPPER.createObjectNode();
        value.properties().forEach(e -> out.set(clean(e.getKey()), clean(e.getValue(), depth + 1)));
        yield out;
      }
      case ARRAY -> {
        ArrayNode out = MAPPER.createArrayNode();
        value.forEach(item -> out.add(clean(item, depth + 1)));
        yield out;
      }
      case STRING -> MAPPER.getNodeFactory().textNode(clean(value.textValue()));
      case NUMBER -> {
        if (!Double.isFinite(value.doubleValue()) || value.asText().length() > MAX_NUMBER_CHARS) {
          throw new IllegalArgumentException("It holds a number that is too large");
        }
        yield value;
      }
      case BOOLEAN, NULL -> value;
      case BINARY, MISSING, POJO ->
          throw new IllegalArgumentException("Not JSON: " + value.getNodeType());
    };
  }

  /** Text that can be stored everywhere, see {@link #clean(JsonNode)}. */
  public static String clean(String text) {
    StringBuilder out = null;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean pair =
          Character.isHighSurrogate(c)
              && i + 1 < text.length()
              && Character.isLowSurrogate(text.charAt(i + 1));
      boolean bad = c == 0 || (Character.isSurrogate(c) && !pair);
      if (bad && out == null) {
        out = new StringBuilder(text.length()).append(text, 0, i);
      }
      if (out != null) {
        out.append(bad ? '\uFFFD' : c);
        if (pair) {
          out.append(text.charAt(i + 1));
        }
      }
      i += pair ? 1 : 0;
    }
    return out == null ? text : out.toString();
  }

  /** Reads JSON that Perdure itself has written; a failure is a bug or a damaged database. */
  public static JsonNode trusted(String text) {
    try {
      return MAPPER.readTree(text);
    } catch (JsonProcessingException e) {
      throw new PerdureException(
          ErrorCode.INTERNAL, "Stored JSON cannot be read; the database is damaged.", e);
    }
  }
}
