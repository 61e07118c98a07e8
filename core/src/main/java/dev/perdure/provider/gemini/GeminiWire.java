package dev.perdure.provider.gemini;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.provider.ModelEvent;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelRequest.ToolSpec;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.ProviderSettings;
import dev.perdure.provider.http.Calls;
import dev.perdure.provider.http.ChunkJson;
import dev.perdure.provider.http.Reply;
import dev.perdure.provider.http.VendorError;
import dev.perdure.provider.http.Wire;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One call of streamGenerateContent. There is no terminator: the reply is complete when a candidate
 * had a {@code finishReason} and the stream then ends cleanly. Where there are tools the parts of
 * the answer are gathered, because those with a thought signature must come back unchanged.
 */
final class GeminiWire implements Wire {
  private final ProviderSettings settings;
  private final ModelRequest request;

  private final ChunkJson.Field documentField = this::document;
  private final ChunkJson.Field candidateField = this::candidate;
  private final ChunkJson.Field contentField = this::content;
  private final ChunkJson.Field partField = this::part;

  private @Nullable FinishReason finish;
  private final Calls calls;
  private final GeminiParts parts = new GeminiParts();

  // Of the chunk being read.
  private @Nullable JsonNode error;
  private @Nullable JsonNode usage;
  private @Nullable String blocked;
  private @Nullable JsonNode grounding;

  // Of the part being read.
  private String text = "";
  private boolean thought;
  private String signature = "";
  private @Nullable JsonNode call;

  /** Where the text goes while a chunk is read. */
  private @Nullable Reply target;

  GeminiWire(ProviderSettings settings, ModelRequest request) {
    this.settings = settings;
    this.request = request;
    this.calls = new Calls(settings.name());
  }

  @Override
  public Request request() {
    ObjectNode body = JsonNodeFactory.instance.objectNode();
    ArrayNode contents = body.putArray("contents");
    request.messages().forEach(message -> GeminiParts.message(contents, message));
    GeminiParts.append(contents, request.steps());
    request.after().forEach(message -> GeminiParts.message(contents, message));
    if (!request.tools().isEmpty()) {
      ArrayNode tools = body.putArray("tools").addObject().putArray("functionDeclarations");
      for (ToolSpec tool : request.tools()) {
        tools
            .addObject()
            .put("name", tool.name())
            .put("description", tool.description())
            .set("parametersJsonSchema", tool.schema());
      }
    }
    if (request.instructions() != null) {
      body.putObject("systemInstruction")
          .putArray("parts")
          .addObject()
          .put("text", request.instructions());
    }
    ObjectNode config = JsonNodeFactory.instance.objectNode();
    if (request.params().maxOutputTokens() != null) {
      config.put("maxOutputTokens", request.params().maxOutputTokens());
    }
    if (request.params().temperature() != null) {
      config.put("temperature", request.params().temperature());
    }
    if (request.params().topP() != null) {
      config.put("topP", request.params().topP());
    }
    if (request.output() != null) {
      config.put("responseMimeType", "application/json");
      config.set("responseJsonSchema", request.output().schema());
    }
    if (!config.isEmpty()) {
      body.set("generationConfig", config);
    }
    String base = settings.baseUrl().getRawPath();
    String version = base == null || base.isEmpty() || base.equals("/") ? "/v1beta" : "";
    // The name comes from outside and must not lead to another path.
    String model = URLEncoder.encode(request.model(), StandardCharsets.UTF_8).replace("+", "%20");
    return new Request(
        version + "/models/" + model + ":streamGenerateContent?alt=sse",
        settings.apiKey() == null ? Map.of() : Map.of("x-goog-api-key", settings.apiKey().reveal()),
        body);
  }

  @Override
  public void event(@Nullable String name, byte[] data, int length, Reply reply)
      throws IOException, ProviderException {
    error = null;
    usage = null;
    blocked = null;
    grounding = null;
    target = reply;
    ChunkJson.document(data, length, documentField);
    if (grounding != null) {
      for (JsonNode chunk : grounding.path("groundingChunks")) {
        JsonNode web = chunk.path("web");
        reply.cite(web.path("uri").textValue(), web.path("title").textValue());
      }
    }
    if (usage != null && usage.isObject()) {
      long thoughts = ChunkJson.count(usage.path("thoughtsTokenCount"));
      reply.usage(
          new TokenUsage(
              ChunkJson.count(usage.path("promptTokenCount")),
              ChunkJson.count(usage.path("candidatesTokenCount")) + thoughts,
              thoughts,
              ChunkJson.count(usage.path("cachedContentTokenCount"))));
    }
    if (error != null && !error.isNull()) {
      throw VendorError.of(error).inStream(settings.name());
    }
    if (blocked != null) {
      throw new ProviderException(
          Kind.CONTENT_FILTER,
          "The provider '" + settings.name() + "' refused the prompt: " + blocked + ".");
    }
  }

  @Override
  public void end(Reply reply) {
    if (finish != null) {
      List<ModelEvent.ToolCall> made = calls.tell(reply);
      boolean called = !made.isEmpty() && finish == FinishReason.STOP;
      if (called && parts.signed()) {
        reply.carry(parts.carried());
      }
      reply.finish(called ? FinishReason.TOOL_CALLS : finish);
    }
  }

  private void document(String name, JsonParser value) throws IOException, ProviderException {
    switch (name) {
      case "candidates" -> candidates(value);
      case "usageMetadata" -> usage = ChunkJson.tree(value);
      case "promptFeedback" -> {
        String reason = ChunkJson.tree(value).path("blockReason").asText("");
        blocked = reason.isEmpty() || reason.equals("BLOCK_REASON_UNSPECIFIED") ? null : reason;
      }
      case "error" -> error = ChunkJson.tree(value);
      default -> {}
    }
  }

  /** One candidate was asked for; others would be mixed into it. */
  private void candidates(JsonParser value) throws IOException, ProviderException {
    if (value.currentToken() != JsonToken.START_ARRAY) {
      return;
    }
    for (int i = 0; value.nextToken() != JsonToken.END_ARRAY; i++) {
      if (i == 0) {
        ChunkJson.object(value, candidateField);
      } else {
        value.skipChildren();
      }
    }
  }

  private void candidate(String name, JsonParser value) throws IOException, ProviderException {
    if (name.equals("content")) {
      ChunkJson.object(value, contentField);
    } else if (name.equals("groundingMetadata")) {
      grounding = ChunkJson.tree(value);
    } else if (name.equals("finishReason")) {
      String reason = ChunkJson.text(value);
      if (!reason.isEmpty() && !reason.equals("FINISH_REASON_UNSPECIFIED")) {
        finish = reason(reason);
      }
    }
  }

  private void content(String name, JsonParser value) throws IOException, ProviderException {
    if (!name.equals("parts") || value.currentToken() != JsonToken.START_ARRAY) {
      return;
    }
    while (value.nextToken() != JsonToken.END_ARRAY) {
      text = "";
      thought = false;
      signature = "";
      call = null;
      ChunkJson.object(value, partField);
      if (target != null) {
        target.delta(0, thought ? PartKind.REASONING : PartKind.TEXT, text);
      }
      if (call != null) {
        long index = parts.nextCall();
        calls.begin(index, call.path("id").textValue(), call.path("name").asText(""));
        calls.more(index, call.path("args").isObject() ? Calls.arguments(call.path("args")) : "");
      }
      if (!request.tools().isEmpty()) {
        parts.piece(text, thought, signature, call);
      }
    }
  }

  private void part(String name, JsonParser value) throws IOException {
    switch (name) {
      case "text" -> text = ChunkJson.text(value);
      case "thought" -> thought = value.currentToken() == JsonToken.VALUE_TRUE;
      case "thoughtSignature" -> signature = ChunkJson.text(value);
      case "functionCall" -> call = ChunkJson.tree(value);
      default -> {}
    }
  }

  private static FinishReason reason(String reason) {
    return switch (reason) {
      case "STOP" -> FinishReason.STOP;
      case "MAX_TOKENS" -> FinishReason.LENGTH;
      case "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY" ->
          FinishReason.CONTENT_FILTER;
      default -> FinishReason.OTHER;
    };
  }
}
