package dev.perdure.tool.mcp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.tool.Tool;
import dev.perdure.tool.ToolException;

/** A tool of an MCP server, as it was when the server listed it last. Thread-safe. */
final class McpTool implements Tool {
  /** Where the call's key stands, for servers that know it. */
  private static final String KEY = "dev.perdure/idempotencyKey";

  private final McpServer server;
  private final Spec spec;
  private final String name;

  /**
   * @param name as the server calls it
   */
  McpTool(McpServer server, Spec spec, String name) {
    this.server = server;
    this.spec = spec;
    this.name = name;
  }

  @Override
  public Spec spec() {
    return spec;
  }

  @Override
  public JsonNode run(Input input) throws ToolException, InterruptedException {
    ObjectNode params = Json.MAPPER.createObjectNode();
    params.put("name", name);
    params.set("arguments", input.arguments());
    params.putObject("_meta").put(KEY, input.key());
    try {
      JsonNode result = server.call(params, spec.limit());
      JsonNode output = McpResult.output(result);
      if (result.path("isError").asBoolean()) {
        throw new ToolException(
            McpMessages.shortened(output.isTextual() ? output.asText() : output.toString()));
      }
      return output;
    } catch (McpException e) {
      String text = "The MCP server '" + server.name() + "' failed: " + e.getMessage();
      throw switch (e.kind()) {
        case UNKNOWN -> ToolException.unknown(text);
        case REFUSED -> new ToolException(text);
        case UNREACHABLE, SESSION_LOST ->
            new ToolException(text + " Its tools cannot be used now; try again later.");
      };
    }
  }
}
