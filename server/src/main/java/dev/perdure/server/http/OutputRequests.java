package dev.perdure.server.http;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.TurnRequest.Output;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.tool.OutputSchema;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The form that a reply is wished to have. Stateless. */
public final class OutputRequests {
  /** Longest schema, as compact JSON, in UTF-16 code units. */
  private static final int SCHEMA_CHARS = 32_768;

  private static final int NAME_CHARS = 64;

  /** What all vendors take for a name. */
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_-]+");

  private OutputRequests() {}

  /** The same of a message, which with {@code null} asks for no form, whatever its session says. */
  static @Nullable Output ofMessage(Fields fields) {
    return fields.mentions("output") && !fields.has("output") ? Output.ANY : output(fields);
  }

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
    return output(
        "output",
        output.text("name", NAME_CHARS).orElse("reply"),
        output.json("schema", SCHEMA_CHARS));
  }

  /**
   * Checks what a request of another protocol says.
   *
   * @param member what the request calls it
   * @throws PerdureException INVALID_REQUEST
   */
  public static Output output(String member, String name, JsonNode schema) {
    if (name.length() > NAME_CHARS || !NAME.matcher(name).matches()) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "'"
              + member
              + ".name' is '"
              + Text.shown(name)
              + "'. Use at most "
              + NAME_CHARS
              + " letters, digits, '_' and '-'.");
    }
    try {
      JsonNode clean = Json.clean(schema);
      if (Json.text(clean).length() > SCHEMA_CHARS) {
        throw new IllegalArgumentException(
            "The schema has more than " + SCHEMA_CHARS + " characters. Shorten it.");
      }
      OutputSchema.of(clean);
      return new Output(name, clean);
    } catch (IllegalArgumentException e) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST, "'" + member + ".schema': " + e.getMessage(), e);
    }
  }
}
