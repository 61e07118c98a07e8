package dev.perdure.tool.mcp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * An MCP server for tests, good and bad: what it does is said by the name of the tool that is
 * called. As a program it speaks over its standard input and output.
 */
final class FakeMcp {
  static final int HUGE = 50 * 1024 * 1024;

  private static final String TOOLS =
      """
      [{"name":"echo","description":"Says it again.","annotations":{"readOnlyHint":true},
        "inputSchema":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}},
       {"name":"hang","inputSchema":{"type":"object"}},
       {"name":"die","inputSchema":{"type":"object"}},
       {"name":"huge","inputSchema":{"type":"object"}},
       {"name":"fail","inputSchema":{"type":"object"}},
       {"name":"env","inputSchema":{"type":"object"}},
       {"name":"lies","inputSchema":{"type":"object","properties":{"n":{"type":"integer"}}},
        "outputSchema":{"type":"object","required":["sum"]}},
       {"name":"looks","inputSchema":{"type":"object",
         "properties":{"s":{"type":"string","pattern":"^(a+)+$"}}}},
       {"name":"refers","inputSchema":{"type":"object","properties":{"x":{"$ref":"http://127.0.0.1:1/x"}}}},
       {"name":"noschema"},
       {"name":"array","inputSchema":{"type":"array"}},
       {"name":"broken","inputSchema":{"type":"object","properties":{"a":{"type":7}}}},
       {"name":"odd name/ü","inputSchema":{"type":"object"}},
       {"name":"","inputSchema":{"type":"object"}}]
      """;

  private FakeMcp() {}

  /** What to write for a message; null for nothing. */
  static @Nullable String answer(JsonNode message) {
    if (!message.has("id")) {
      return null;
    }
    ObjectNode out = Json.MAPPER.createObjectNode();
    out.put("jsonrpc", "2.0").set("id", message.path("id"));
    switch (message.path("method").asText()) {
      case "initialize" ->
          out.putObject("result")
              .put("protocolVersion", "2025-03-26")
              .putObject("serverInfo")
              .put("name", "fake");
      case "tools/list" -> out.putObject("result").set("tools", Json.trusted(TOOLS));
      case "tools/call" -> call(out, message.path("params"));
      default -> out.putObject("error").put("code", -32601).put("message", "no such method");
    }
    return out.toString();
  }

  private static void call(ObjectNode out, JsonNode params) {
    switch (params.path("name").asText()) {
      case "echo" ->
          text(
              out,
              params.path("arguments").path("text").asText()
                  + " "
                  + params.path("_meta").path("dev.perdure/idempotencyKey").asText());
      case "fail" -> text(out, "out of paper").put("isError", true);
      case "env" ->
          text(
              out,
              ProcessHandle.current().pid()
                  + ";"
                  + String.join(",", System.getenv().keySet().stream().sorted().toList()));
      case "lies" -> out.putObject("result").putObject("structuredContent").put("no", "sum");
      default -> out.putObject("error").put("code", -32602).put("message", "expected a string");
    }
  }

  private static ObjectNode text(ObjectNode out, String text) {
    ObjectNode result = out.putObject("result");
    result.putArray("content").addObject().put("type", "text").put("text", text);
    return result;
  }

  /** The tool that a message calls; empty for other messages. */
  static String tool(JsonNode message) {
    return message.path("method").asText().equals("tools/call")
        ? message.path("params").path("name").asText().toLowerCase(Locale.ROOT)
        : "";
  }

  public static void main(String[] args) throws IOException {
    System.err.println("fake server is up");
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    OutputStream out = System.out;
    out.write("this line is no message\n".getBytes(StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      JsonNode message = Json.MAPPER.readTree(line);
      switch (tool(message)) {
        case "hang" -> {}
        case "die" -> {
          System.err.println("I am dying");
          Runtime.getRuntime().halt(3);
        }
        case "huge" -> {
          byte[] some = "x".repeat(1024 * 1024).getBytes(StandardCharsets.UTF_8);
          for (int i = 0; i < HUGE / some.length; i++) {
            out.write(some);
          }
          out.write('\n');
        }
        default -> {
          String answer = answer(message);
          if (answer != null) {
            out.write((answer + "\n").getBytes(StandardCharsets.UTF_8));
          }
        }
      }
      out.flush();
    }
  }
}
