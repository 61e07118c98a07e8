package dev.perdure.server.openai;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.chat.CallState;
import dev.perdure.protocol.Json;
import dev.perdure.server.http.Text;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a request says of tools, in both of OpenAI's dialects: functions that the client runs, what
 * came of them, and answers to requests for an approval. Stateless.
 */
final class OpenAiTools {
  private static final String ALLOWED = "allowed_tools";

  private OpenAiTools() {}

  /**
   * What was said of one call, unchecked.
   *
   * @param approved of an approval; null for a result
   * @param text the result, or the reason
   */
  record Said(String call, @Nullable Boolean approved, @Nullable String text) {
    /** The same as the native API has it, for a call in this state. */
    ObjectNode json(CallState state) {
      ObjectNode json = Json.MAPPER.createObjectNode().put("call", call);
      if (approved != null) {
        // A call that was cut short is shown as one that asks whether it may run again.
        boolean again = state == CallState.ATTENTION;
        json.put("decision", approved ? (again ? "repeat" : "approve") : again ? "fail" : "refuse");
        return text == null ? json : json.put("reason", text);
      }
      json.put("decision", "done");
      // A form is answered by an object, which the clients send as text.
      @Nullable JsonNode form = state == CallState.INPUT && text != null ? object(text) : null;
      return form == null ? json.put("output", text == null ? "" : text) : json.set("output", form);
    }

    private static @Nullable JsonNode object(String text) {
      try {
        JsonNode json = Json.MAPPER.readTree(text);
        return json != null && json.isObject() ? json : null;
      } catch (JsonProcessingException e) {
        return null;
      }
    }
  }

  /**
   * Which tools may be used.
   *
   * @param functions the client's, as the native API has them: name, description, schema
   * @param allowed the server's; null for all
   * @param askFirst those that need an approval each time; null for all that may be used
   */
  record Wish(
      ArrayNode functions, @Nullable List<String> allowed, @Nullable List<String> askFirst) {
    /** The same as a message of the native API has it. */
    ObjectNode json(Set<String> known) {
      ObjectNode json = Json.MAPPER.createObjectNode();
      if (allowed != null) {
        ArrayNode names = json.putArray("tools");
        allowed.forEach(names::add);
      }
      ObjectNode policy = json.putObject("toolPolicy");
      Collection<String> usable = allowed == null ? known : allowed;
      (askFirst == null ? usable : askFirst).forEach(name -> policy.put(name, "always"));
      json.set("clientTools", functions);
      return json;
    }
  }

  /** Reads {@code tools} and {@code tool_choice}. */
  static Wish wish(JsonNode request) {
    JsonNode tools = request.path("tools");
    if (!tools.isMissingNode() && !tools.isNull() && !tools.isArray()) {
      throw Refusal.invalid("tools", "'tools' must be a list.");
    }
    if (none(request)) {
      return new Wish(Json.MAPPER.createArrayNode(), List.of(), List.of());
    }
    ArrayNode functions = Json.MAPPER.createArrayNode();
    Wish wish = new Wish(functions, null, List.of());
    for (JsonNode tool : tools) {
      String type = tool.path("type").asText();
      switch (type) {
        case "function" -> function(tool.has("function") ? tool.path("function") : tool, functions);
        case "mcp" -> wish = servers(tool, functions);
        default ->
            throw Refusal.unsupported(
                "tools",
                "Tools of the type '"
                    + Text.shown(type)
                    + "' are not supported. Send functions, or configure the tool on the server.");
      }
    }
    return narrowed(wish, request.path("tool_choice"));
  }

  /** What is left of it by a {@code tool_choice} that names the tools which may be used. */
  private static Wish narrowed(Wish wish, JsonNode choice) {
    if (!choice.path("type").asText().equals(ALLOWED)) {
      return wish;
    }
    JsonNode said = choice.has(ALLOWED) ? choice.path(ALLOWED) : choice;
    if (!said.path("mode").asText("auto").equals("auto")) {
      throw Refusal.unsupported("tool_choice", "The mode of 'tool_choice' must be 'auto'.");
    }
    Set<String> functions = new HashSet<>();
    Set<String> server = new HashSet<>();
    boolean all = false;
    for (JsonNode tool : said.path("tools")) {
      JsonNode named = tool.has("function") ? tool.path("function") : tool;
      if (tool.path("type").asText().equals("mcp")) {
        all |= !tool.hasNonNull("name");
        server.add(tool.path("name").asText());
      } else {
        functions.add(named.path("name").asText());
      }
    }
    ArrayNode left = Json.MAPPER.createArrayNode();
    for (JsonNode function : wish.functions) {
      if (functions.contains(function.path("name").asText())) {
        left.add(function);
      }
    }
    @Nullable List<String> allowed = wish.allowed;
    if (!all) {
      List<String> listed = allowed;
      allowed =
          server.stream().filter(name -> listed == null || listed.contains(name)).sorted().toList();
    }
    return new Wish(left, allowed, wish.askFirst);
  }

  private static void function(JsonNode function, ArrayNode into) {
    ObjectNode client = into.addObject();
    client.set("name", function.path("name"));
    if (function.hasNonNull("description")) {
      client.set("description", function.path("description"));
    }
    JsonNode schema = function.path("parameters");
    if (schema.isObject() && !schema.isEmpty()) {
      client.set("schema", schema);
    } else {
      client.putObject("schema").put("type", "object");
    }
  }

  /** The server's own tools, as those of an MCP server of the label {@code perdure}. */
  private static Wish servers(JsonNode tool, ArrayNode functions) {
    if (!tool.path("server_label").asText().equals(ToolItems.SERVER_LABEL)) {
      throw Refusal.unsupported(
          "tools",
          "The only MCP server that a request can name is '"
              + ToolItems.SERVER_LABEL
              + "': the tools of this server. Configure others there.");
    }
    JsonNode allowed = tool.path("allowed_tools");
    JsonNode approval = tool.path("require_approval");
    return new Wish(
        functions,
        allowed.isArray() ? names(allowed) : null,
        approval.asText().equals("always")
            ? null
            : names(approval.path("always").path("tool_names")));
  }

  private static List<String> names(JsonNode list) {
    List<String> names = new ArrayList<>();
    list.forEach(name -> names.add(name.asText()));
    return names;
  }

  /** Whether the request wants no tool to be used; what else it may want cannot be done. */
  private static boolean none(JsonNode request) {
    JsonNode choice = request.path("tool_choice");
    boolean auto = choice.asText().equals("auto") || choice.path("type").asText().equals(ALLOWED);
    if (choice.isMissingNode() || choice.isNull() || auto) {
      return false;
    }
    if (choice.asText().equals("none")) {
      return true;
    }
    throw Refusal.unsupported(
        "tool_choice",
        "'tool_choice' must be 'auto', 'none' or of the type 'allowed_tools': a call cannot be"
            + " forced.");
  }

  /**
   * Reads an item that is no message.
   *
   * @param said takes what it says of a call
   * @return whether it may be there
   */
  static boolean item(JsonNode item, String at, List<Said> said) {
    switch (item.path("type").asText()) {
      case "function_call_output" ->
          said.add(new Said(line(item, "call_id", at), null, text(item.path("output"), at)));
      case "mcp_approval_response" -> {
        if (!item.path("approve").isBoolean()) {
          throw Refusal.invalid(at, "'approve' must be true or false.");
        }
        said.add(
            new Said(
                ToolItems.callOf(line(item, "approval_request_id", at)),
                item.path("approve").booleanValue(),
                item.path("reason").textValue()));
      }
      // The server's own words, which it knows better.
      case "function_call", "reasoning", "mcp_call", "mcp_approval_request", "item_reference" -> {}
      default -> {
        return false;
      }
    }
    return true;
  }

  /** Reads a message of the role {@code tool}. */
  static Said message(JsonNode message, String at) {
    return new Said(line(message, "tool_call_id", at), null, text(message.path("content"), at));
  }

  private static String line(JsonNode json, String name, String at) {
    String value = json.path(name).asText();
    if (!value.matches("[A-Za-z0-9_-]{1,64}")) {
      throw Refusal.invalid(at, "'" + name + "' is missing, or no id of this server.");
    }
    return value;
  }

  /** A string, or the texts of a list of parts. */
  private static String text(JsonNode value, String at) {
    if (value.isTextual()) {
      return value.textValue();
    }
    StringBuilder text = new StringBuilder();
    for (JsonNode part : value) {
      if (!part.path("text").isTextual()) {
        throw Refusal.unsupported(at, "A result of a tool must be text.");
      }
      text.append(part.path("text").textValue());
    }
    return text.toString();
  }
}
