package dev.perdure.tool.mcp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.perdure.protocol.Json;

/** From the result of {@code tools/call} to what a model is shown. Stateless. */
final class McpResult {
  private static final int MAX_ITEMS = 200;

  private McpResult() {}

  /** What is structured, else the text, else a list of what there is, without what is no text. */
  static JsonNode output(JsonNode result) {
    if (result.path("structuredContent").isObject()) {
      return result.path("structuredContent");
    }
    JsonNode content = result.path("content");
    if (!content.isArray() || content.isEmpty()) {
      return text("Done.");
    }
    if (content.size() == 1) {
      return item(content.get(0));
    }
    ArrayNode out = Json.MAPPER.createArrayNode();
    for (int i = 0; i < Math.min(content.size(), MAX_ITEMS); i++) {
      out.add(item(content.get(i)));
    }
    return out;
  }

  private static JsonNode item(JsonNode item) {
    String type = item.path("type").asText();
    JsonNode resource = item.path("resource");
    return switch (type) {
      case "text" -> text(item.path("text").asText());
      case "resource" ->
          resource.has("text")
              ? text(resource.path("text").asText())
              : text("[" + resource.path("mimeType").asText("data") + " is left out]");
      case "resource_link" -> text("See " + item.path("uri").asText());
      default ->
          text(
              "[" + item.path("mimeType").asText(type.isEmpty() ? "data" : type) + " is left out]");
    };
  }

  private static JsonNode text(String text) {
    return JsonNodeFactory.instance.textNode(text);
  }
}
