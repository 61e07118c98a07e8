package dev.perdure.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.perdure.protocol.Json;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.ToolException;
import java.time.Duration;

/** The example of docs/guide/tools.md, which shows it as it is here from this line on. */
public final class WordCount implements Tool {
  private static final JsonNode SCHEMA =
      Json.trusted(
          """
          {"type": "object", "required": ["text"], "additionalProperties": false,
           "properties": {"text": {"type": "string", "maxLength": 10000}}}
          """);

  @Override
  public Spec spec() {
    return new Spec(
        "word_count",
        "Counts the words of a text.",
        SCHEMA,
        Effect.READ,
        Approval.NEVER,
        Duration.ofSeconds(1));
  }

  @Override
  public JsonNode run(Input input) throws ToolException {
    String text = input.arguments().path("text").asText().strip();
    if (text.isEmpty()) {
      throw new ToolException("There is no text. Send some.");
    }
    return JsonNodeFactory.instance.objectNode().put("words", text.split("\\s+").length);
  }
}
