package dev.perdure.provider.openai;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelRequest.ModelMessage;
import dev.perdure.provider.ModelRequest.ToolSpec;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderSettings;
import dev.perdure.provider.http.Calls;
import dev.perdure.provider.http.ChunkJson;
import dev.perdure.provider.http.Reply;
import dev.perdure.provider.http.VendorError;
import dev.perdure.provider.http.Wire;
import java.io.IOException;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One call of Responses. The terminators are {@code response.completed}, {@code
 * response.incomplete} and {@code response.failed}; nothing is stored at the vendor, since Perdure
 * keeps the history. With tools, the reasoning comes encrypted and goes back with the results.
 */
final class OpenAiResponsesWire implements Wire {
  private final ProviderSettings settings;
  private final ModelRequest request;

  private final ChunkJson.Field eventField = this::field;
  private final ChunkJson.Field responseField = this::response;

  /** The models that reason, and can give their reasoning encrypted; others refuse to. */
  private static final Pattern REASONING = Pattern.compile("(o\\d|gpt-[5-9]|codex)(?!.*chat).*");

  private final Calls calls;
  private final ArrayNode items = JsonNodeFactory.instance.arrayNode();
  private boolean encrypted;

  // Of the event being read.
  private String type = "";
  private String delta = "";
  private long outputIndex;
  private long partIndex;
  private @Nullable JsonNode item;
  private @Nullable JsonNode annotation;
  private @Nullable JsonNode usage;
  private @Nullable JsonNode error;
  private @Nullable JsonNode incomplete;

  OpenAiResponsesWire(ProviderSettings settings, ModelRequest request) {
    this.settings = settings;
    this.request = request;
    this.calls = new Calls(settings.name());
  }

  @Override
  public Request request() {
    ObjectNode body = JsonNodeFactory.instance.objectNode();
    body.put("model", request.model());
    if (request.instructions() != null) {
      body.put("instructions", request.instructions());
    }
    ArrayNode input = body.putArray("input");
    for (ModelMessage message : request.messages()) {
      OpenAiRequests.responsesMessage(input, message);
    }
    request.steps().forEach(step -> OpenAiRequests.responsesStep(input, step));
    request.after().forEach(message -> OpenAiRequests.responsesMessage(input, message));
    for (ToolSpec tool : request.tools()) {
      body.withArray("tools")
          .addObject()
          .put("type", "function")
          .put("name", tool.name())
          .put("description", tool.description())
          .put("strict", false)
          .set("parameters", tool.schema());
    }
    if (!request.tools().isEmpty() && REASONING.matcher(request.model()).matches()) {
      body.putArray("include").add("reasoning.encrypted_content");
    }
    if (request.output() != null) {
      ObjectNode format = body.putObject("text").putObject("format").put("type", "json_schema");
      OpenAiRequests.form(format, request.output());
    }
    body.put("stream", true).put("store", false);
    if (request.params().maxOutputTokens() != null) {
      body.put("max_output_tokens", request.params().maxOutputTokens());
    }
    if (request.params().temperature() != null) {
      body.put("temperature", request.params().temperature());
    }
    if (request.params().topP() != null) {
      body.put("top_p", request.params().topP());
    }
    return new Request(
        OpenAiRequests.path(settings, "/responses"), OpenAiRequests.headers(settings), body);
  }

  @Override
  public void event(@Nullable String name, byte[] data, int length, Reply reply)
      throws IOException, ProviderException {
    type = name == null ? "" : name;
    if (type.equals("error")) {
      throw OpenAiErrors.event(settings, data, length);
    }
    if (length == 6 && data[0] == '[') {
      // "[DONE]" of a compatible server; the real terminator was before it or is missing.
      return;
    }
    delta = "";
    outputIndex = 0;
    partIndex = 0;
    item = null;
    annotation = null;
    usage = null;
    error = null;
    incomplete = null;
    ChunkJson.document(data, length, eventField);
    understand(data, length, reply);
  }

  @Override
  public void end(Reply reply) {
    // Without its last event the reply is truncated.
  }

  private void understand(byte[] data, int length, Reply reply)
      throws IOException, ProviderException {
    long block = outputIndex * 1000 + partIndex;
    switch (type) {
      case "response.output_text.delta", "response.refusal.delta" ->
          reply.delta(block, PartKind.TEXT, delta);
      case "response.reasoning_summary_text.delta", "response.reasoning_text.delta" ->
          reply.delta(block, PartKind.REASONING, delta);
      case "response.output_text.annotation.added" -> {
        if (annotation != null) {
          UrlCitations.one(annotation, reply);
        }
      }
      case "response.output_item.added" -> {
        if (item != null && type(item).equals("function_call")) {
          calls.begin(outputIndex, item.path("call_id").asText(""), item.path("name").asText(""));
          reply.touch();
        }
      }
      case "response.function_call_arguments.delta" -> calls.more(outputIndex, delta);
      case "response.output_item.done" -> itemDone(reply);
      case "response.completed" -> {
        boolean called = !calls.isEmpty();
        calls.tell(reply);
        if (called && encrypted) {
          ObjectNode carried = JsonNodeFactory.instance.objectNode();
          carried.put("wire", OpenAiRequests.RESPONSES).set("items", items);
          reply.carry(carried);
        }
        count(reply);
        reply.finish(called ? FinishReason.TOOL_CALLS : FinishReason.STOP);
      }
      case "response.incomplete" -> {
        count(reply);
        reply.finish(reason(incomplete));
      }
      case "response.failed" -> {
        count(reply);
        throw VendorError.of(error).inStream(settings.name());
      }
      case "error" -> throw OpenAiErrors.event(settings, data, length);
      default -> {
        // A bare error object, as on the other wire.
        if (type.isEmpty() && error != null && !error.isNull()) {
          throw VendorError.of(error).inStream(settings.name());
        }
      }
    }
  }

  private void field(String name, JsonParser value) throws IOException, ProviderException {
    switch (name) {
      case "type" -> type = ChunkJson.text(value);
      case "delta" -> delta = ChunkJson.text(value);
      case "output_index" -> outputIndex = ChunkJson.count(value);
      case "content_index", "summary_index" -> partIndex = ChunkJson.count(value);
      case "item" -> item = ChunkJson.tree(value);
      case "annotation" -> annotation = ChunkJson.tree(value);
      case "response" -> ChunkJson.object(value, responseField);
      case "error" -> error = ChunkJson.tree(value);
      default -> {}
    }
  }

  private void response(String name, JsonParser value) throws IOException {
    switch (name) {
      case "usage" -> usage = ChunkJson.tree(value);
      case "error" -> error = ChunkJson.tree(value);
      case "incomplete_details" -> incomplete = ChunkJson.tree(value);
      default -> {}
    }
  }

  /** An item that is whole: the form in which it would have to come back. */
  private void itemDone(Reply reply) throws ProviderException {
    if (item == null) {
      return;
    }
    // Compatible servers may say it only here; who has said it before is heard once.
    item.path("content").forEach(part -> UrlCitations.tell(part.path("annotations"), reply));
    if (type(item).equals("function_call")) {
      calls.whole(outputIndex, item.path("arguments").asText(""));
    }
    encrypted |= item.path("encrypted_content").isTextual();
    if (!request.tools().isEmpty() && item instanceof ObjectNode object) {
      items.add(object.without("status"));
    }
  }

  private static String type(JsonNode item) {
    return item.path("type").asText("");
  }

  private void count(Reply reply) {
    if (usage != null && usage.isObject()) {
      reply.usage(
          new TokenUsage(
              ChunkJson.count(usage.path("input_tokens")),
              ChunkJson.count(usage.path("output_tokens")),
              ChunkJson.count(usage.path("output_tokens_details").path("reasoning_tokens")),
              ChunkJson.count(usage.path("input_tokens_details").path("cached_tokens"))));
    }
  }

  private static FinishReason reason(@Nullable JsonNode incomplete) {
    return switch (incomplete == null ? "" : incomplete.path("reason").asText("")) {
      case "max_output_tokens" -> FinishReason.LENGTH;
      case "content_filter" -> FinishReason.CONTENT_FILTER;
      default -> FinishReason.OTHER;
    };
  }
}
