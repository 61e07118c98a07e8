package dev.perdure.tool;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import java.util.Optional;

/**
 * A tool whose calls another one undoes. The other one is given {@code call}, the key of the call,
 * its {@code arguments}, and its {@code output} if it is known, under a key of its own. As
 * thread-safe as the two.
 */
public final class CompensatedTool implements Tool {
  /** JSON Schema of what the undoing tool is given. */
  public static final JsonNode UNDO_SCHEMA =
      Json.trusted(
          """
          {"type":"object","required":["call","arguments"],"properties":{
            "call":{"type":"string"},"arguments":{"type":"object"},"output":{}}}\
          """);

  private final Tool tool;
  private final Tool undo;

  public CompensatedTool(Tool tool, Tool undo) {
    this.tool = tool;
    this.undo = undo;
  }

  @Override
  public Spec spec() {
    return tool.spec();
  }

  @Override
  public JsonNode run(Input input) throws ToolException, InterruptedException {
    return tool.run(input);
  }

  @Override
  public Optional<Compensation> compensation() {
    return Optional.of(this::undo);
  }

  private JsonNode undo(Undo what) throws ToolException, InterruptedException {
    Input call = what.call();
    ObjectNode arguments = JsonNodeFactory.instance.objectNode().put("call", call.key());
    arguments.set("arguments", call.arguments());
    if (what.output() != null) {
      arguments.set("output", what.output());
    }
    return undo.run(new Input(arguments, what.key(), call.tenant(), call.owner(), call.turn()));
  }
}
