package dev.perdure.tool;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.perdure.protocol.Json;

/** Reckons exactly, which no model does. Thread-safe. */
public final class CalculatorTool implements Tool {
  private static final Spec SPEC =
      new Spec(
          "calculator",
          "Works out an arithmetic expression exactly, in decimal numbers.",
          Json.trusted(
              """
              {"type":"object","required":["expression"],"additionalProperties":false,"properties":{
                "expression":{"type":"string","maxLength":1000,
                  "description":"Numbers with + - * / % ^ and parentheses, such as (0.1+0.2)*3"}}}\
              """),
          Effect.READ,
          Approval.NEVER,
          Spec.DEFAULT_LIMIT);

  @Override
  public Spec spec() {
    return SPEC;
  }

  @Override
  public JsonNode run(Input input) throws ToolException {
    Calculator.Result result = Calculator.evaluate(input.arguments().path("expression").asText());
    return JsonNodeFactory.instance
        .objectNode()
        .put("result", result.value())
        .put("exact", result.exact());
  }
}
