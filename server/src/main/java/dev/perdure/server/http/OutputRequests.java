package dev.perdure.server.http;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.TurnRequest.Output;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.tool.OutputSchema;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The form that a reply is wished to have. Stateless. */
final class OutputRequests {
  /** Longest schema, as compact JSON, in UTF-16 code units. */
  private static final int SCHEMA_CHARS = 32_768;

  private static final int NAME_CHARS = 64;

  /** What all vendors take for a name. */
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_-]+");

  private OutputRequests() {}

  /**
   * Reads {@code output}; null if it is absent.
   *
   * @throws PerdureException INVALID_REQUEST, TOO_LARGE
   */
  static @Nullable Output output(Fields fields) {
    if (!fields.has("output")) {
      return null;
    }
    Fields output = fields.object("output", "name", "schema");
    String name = output.text("name", NAME_CHARS).orElse("reply");
    if (!NAME.matcher(name).matches()) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "'output.name' is '" + Text.shown(name) + "'. Use letters, digits, '_' and '-' only.");
    }
    JsonNode schema = output.json("schema", SCHEMA_CHARS);
    try {
      OutputSchema.of(schema);
    } catch (IllegalArgumentException e) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST, "'output.schema': " + e.getMessage(), e);
    }
    return new Output(name, schema);
  }
}
