package dev.perdure.provider.gemini;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.provider.ModelRequest.ModelFile;
import dev.perdure.provider.ModelRequest.ModelMessage;
import dev.perdure.provider.ModelRequest.ModelStep;
import dev.perdure.provider.ModelRequest.Role;
import dev.perdure.provider.ModelRequest.ToolUse;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The parts of an answer with tools, both ways: gathered as they come, and sent back with the
 * results. A thought signature goes back in the part that it came with. For one thread.
 */
final class GeminiParts {
  private static final String WIRE = "gemini";

  private final ArrayNode parts = JsonNodeFactory.instance.arrayNode();
  private final StringBuilder text = new StringBuilder();
  private boolean signed;
  private long calls;

  /** The place of the next call; the wire has no number of its own. */
  long nextCall() {
    return calls++;
  }

  void piece(String piece, boolean thought, String signature, @Nullable JsonNode call) {
    if (call == null && signature.isEmpty()) {
      // Thoughts without a signature are of no use to the vendor.
      text.append(thought ? "" : piece);
      return;
    }
    endText();
    ObjectNode part = parts.addObject();
    if (call != null) {
      part.set("functionCall", call);
    } else {
      part.put("text", piece);
      if (thought) {
        part.put("thought", true);
      }
    }
    if (!signature.isEmpty()) {
      part.put("thoughtSignature", signature);
      signed = true;
    }
  }

  private void endText() {
    if (!text.isEmpty()) {
      parts.addObject().put("text", text.toString());
      text.setLength(0);
    }
  }

  boolean signed() {
    return signed;
  }

  JsonNode carried() {
    endText();
    return JsonNodeFactory.instance.objectNode().put("wire", WIRE).set("parts", parts);
  }

  /** Appends a message with its files. */
  static void message(ArrayNode contents, ModelMessage message) {
    ArrayNode said =
        contents
            .addObject()
            .put("role", message.role() == Role.USER ? "user" : "model")
            .putArray("parts");
    for (ModelFile file : message.files()) {
      said.addObject()
          .putObject("inlineData")
          .put("mimeType", file.mediaType())
          .put("data", file.base64());
    }
    if (!message.text().isEmpty() || message.files().isEmpty()) {
      said.addObject().put("text", message.text());
    }
  }

  /** Appends what the model said in each step, and the results. */
  static void append(ArrayNode contents, List<ModelStep> steps) {
    for (ModelStep step : steps) {
      contents.addObject().put("role", "model").set("parts", said(step));
      ArrayNode results = contents.addObject().put("role", "user").putArray("parts");
      for (ToolUse use : step.uses()) {
        ObjectNode response = results.addObject().putObject("functionResponse");
        if (use.ref() != null) {
          response.put("id", use.ref());
        }
        response
            .put("name", use.tool())
            .putObject("response")
            .put(use.failed() ? "error" : "output", use.result());
      }
    }
  }

  private static JsonNode said(ModelStep step) {
    if (step.carried() != null) {
      JsonNode carried = Json.trusted(step.carried());
      if (carried.path("wire").asText().equals(WIRE)) {
        return carried.path("parts");
      }
    }
    ArrayNode said = JsonNodeFactory.instance.arrayNode();
    if (!step.text().isEmpty()) {
      said.addObject().put("text", step.text());
    }
    for (ToolUse use : step.uses()) {
      JsonNode input = Json.trusted(use.input());
      ObjectNode call = said.addObject().putObject("functionCall");
      if (use.ref() != null) {
        call.put("id", use.ref());
      }
      call.put("name", use.tool())
          .set("args", input.isObject() ? input : JsonNodeFactory.instance.objectNode());
    }
    return said;
  }
}
