package dev.perdure.provider.http;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.util.JsonRecyclerPools;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.perdure.provider.ProviderException;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Reads the chunks of a stream token by token: a tree for each would cost more than the rest of the
 * adapter. Nesting, numbers and strings are bounded; of a repeated field the last one counts.
 * Stateless.
 */
public final class ChunkJson {
  private static final int MAX_DEPTH = 64;
  private static final int MAX_NUMBER_CHARS = 64;

  /** Threads are virtual and many, so that buffers are shared instead of kept by each. */
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .recyclerPool(JsonRecyclerPools.newBoundedPool(64))
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(MAX_DEPTH)
                  .maxNumberLength(MAX_NUMBER_CHARS)
                  .maxStringLength(SseParser.MAX_EVENT_BYTES)
                  .build())
          .build();

  private static final ObjectMapper MAPPER = JsonMapper.builder(FACTORY).build();

  private ChunkJson() {}

  /** Is told each field of an object; the parser stands at the value. */
  @FunctionalInterface
  public interface Field {
    /** Reads the value, or leaves it: what is not read is skipped. */
    void read(String name, JsonParser value) throws IOException, ProviderException;
  }

  /** Reads a whole document that must be an object. */
  public static void document(byte[] data, int length, Field field)
      throws IOException, ProviderException {
    try (JsonParser parser = MAPPER.createParser(data, 0, length)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new JsonParseException(parser, "Not an object");
      }
      object(parser, field);
      if (parser.nextToken() != null) {
        throw new JsonParseException(parser, "More than one object");
      }
    }
  }

  /** Reads the fields of the object that the parser stands at; any other value is skipped. */
  public static void object(JsonParser parser, Field field) throws IOException, ProviderException {
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      parser.skipChildren();
      return;
    }
    for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
      parser.nextToken();
      field.read(name, parser);
      // Reading a tree leaves no current token, reading an object its end.
      JsonToken left = parser.currentToken();
      if (left != null && left.isStructStart()) {
        parser.skipChildren();
      }
    }
  }

  /** The string that the parser stands at; null for anything else. */
  public static @Nullable String string(JsonParser parser) throws IOException {
    return parser.currentToken() == JsonToken.VALUE_STRING ? parser.getText() : null;
  }

  /** The string that the parser stands at; empty for anything else. */
  public static String text(JsonParser parser) throws IOException {
    return parser.currentToken() == JsonToken.VALUE_STRING ? parser.getText() : "";
  }

  /** A count: the whole number that the parser stands at; 0 for anything else or below 0. */
  public static long count(JsonParser parser) throws IOException {
    return parser.currentToken() == JsonToken.VALUE_NUMBER_INT
            && parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER
        ? Math.max(0, parser.getLongValue())
        : 0;
  }

  /** A count in a tree, by the same rule. */
  public static long count(JsonNode node) {
    return node.isIntegralNumber() && node.canConvertToLong() ? Math.max(0, node.longValue()) : 0;
  }

  /** The value as a tree, for what comes once in a stream. */
  public static JsonNode tree(JsonParser parser) throws IOException {
    return MAPPER.readTree(parser);
  }

  /** A whole document as a tree. */
  public static JsonNode tree(byte[] data, int length) throws IOException {
    return MAPPER.readTree(data, 0, length);
  }
}
