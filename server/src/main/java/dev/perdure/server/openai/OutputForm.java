package dev.perdure.server.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.perdure.chat.TurnRequest.Output;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.http.OutputRequests;
import dev.perdure.server.http.Text;
import org.jspecify.annotations.Nullable;

/**
 * The form of a reply in both of OpenAI's dialects, {@code text.format} and {@code
 * response_format}: JSON of a schema, or any JSON object. Stateless.
 */
final class OutputForm {
  /** What stands for any object. */
  private static final JsonNode ANY_OBJECT = Json.MAPPER.createObjectNode().put("type", "object");

  private static final String DEFINITIONS = "#/definitions/";

  private OutputForm() {}

  /** Reads what a request says; null if any text will do. */
  static @Nullable Output wish(JsonNode request) {
    boolean chat = request.has("messages");
    String member = chat ? "response_format" : "text.format";
    JsonNode format = chat ? request.path("response_format") : request.path("text").path("format");
    if (!format.isMissingNode() && !format.isNull() && !format.isObject()) {
      throw Refusal.invalid(member, "'" + member + "' must be an object.");
    }
    String type = format.path("type").asText("text");
    return switch (type) {
      case "text" -> null;
      case "json_object" -> new Output("reply", ANY_OBJECT);
      case "json_schema" -> {
        JsonNode said = chat ? format.path("json_schema") : format;
        if (!said.path("schema").isObject()) {
          throw Refusal.invalid(member, "'" + member + "' has no 'schema', which is an object.");
        }
        try {
          yield OutputRequests.output(
              member, said.path("name").asText("reply"), usual(said.path("schema")));
        } catch (PerdureException e) {
          throw Refusal.invalid(member, String.valueOf(e.getMessage()));
        }
      }
      default ->
          throw Refusal.unsupported(
              member, "The format '" + Text.shown(type) + "' is not supported. Leave it out.");
    };
  }

  /**
   * A schema as the clients' helpers make it, in the words that are accepted here: they name the
   * dialect, and some put definitions where older ones have them.
   */
  private static JsonNode usual(JsonNode schema) {
    ObjectNode usual = schema.deepCopy();
    usual.remove("$schema");
    if (usual.has("definitions") && !usual.has("$defs")) {
      usual.set("$defs", usual.remove("definitions"));
      refer(usual);
    }
    return usual;
  }

  private static void refer(JsonNode node) {
    String ref = node.path("$ref").asText();
    if (node instanceof ObjectNode object && ref.startsWith(DEFINITIONS)) {
      object.set("$ref", TextNode.valueOf("#/$defs/" + ref.substring(DEFINITIONS.length())));
    }
    node.forEach(OutputForm::refer);
  }

  /** As a response repeats it. */
  static ObjectNode shown(@Nullable Output output) {
    ObjectNode format = Json.MAPPER.createObjectNode();
    if (output == null) {
      return format.put("type", "text");
    }
    if (output.schema().equals(ANY_OBJECT)) {
      return format.put("type", "json_object");
    }
    format.put("type", "json_schema").put("name", output.name()).putNull("description");
    format.set("schema", output.schema());
    return format.put("strict", true);
  }
}
