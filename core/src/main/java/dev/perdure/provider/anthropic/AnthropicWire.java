package dev.perdure.provider.anthropic;

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
import dev.perdure.provider.ModelRequest.ModelMessage;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One call of Messages. The terminator is {@code message_stop}. Usage comes with {@code
 * message_start} and, cumulative, with {@code message_delta}; reasoning tokens are not told apart.
 * Where there are tools the blocks of the answer are gathered, because those with a signature must
 * come back unchanged.
 */
final class AnthropicWire implements Wire {
  private static final String VERSION = "2023-06-01";

  private final ProviderSettings settings;
  private final ModelRequest request;

  private final ChunkJson.Field eventField = this::field;
  private final ChunkJson.Field messageField = this::message;
  private final ChunkJson.Field partField = this::part;
  private final ChunkJson.Field usageField = this::usage;

  private final Calls calls;
  private final AnthropicBlocks blocks = new AnthropicBlocks();

  private @Nullable FinishReason finish;
  private long freshInput;
  private long cacheWritten;
  private long cacheRead;
  private long output;

  // Of the event being read.
  private String type = "";
  private long index;
  private String text = "";
  private String thinking = "";
  private String blockType = "";
  private @Nullable String callId;
  private @Nullable String callName;
  private String arguments = "";
  private String signature = "";
  private @Nullable JsonNode citation;
  private @Nullable String stopReason;
  private @Nullable JsonNode error;
  private boolean counted;

  AnthropicWire(ProviderSettings settings, ModelRequest request) {
    this.settings = settings;
    this.request = request;
    this.calls = new Calls(settings.name());
  }

  @Override
  public Request request() {
    ObjectNode body = JsonNodeFactory.instance.objectNode();
    body.put("model", request.model());
    Integer max = request.params().maxOutputTokens();
    body.put("max_tokens", max == null ? settings.maxOutputTokens() : max);
    if (request.instructions() != null) {
      body.put("system", request.instructions());
    }
    ArrayNode messages = body.putArray("messages");
    for (ModelMessage message : request.messages()) {
      AnthropicBlocks.message(messages, message);
    }
    AnthropicBlocks.append(messages, request.steps());
    request.after().forEach(message -> AnthropicBlocks.message(messages, message));
    for (ToolSpec tool : request.tools()) {
      body.withArray("tools")
          .addObject()
          .put("name", tool.name())
          .put("description", tool.description())
          .set("input_schema", tool.schema());
    }
    if (request.output() != null) {
      body.putObject("output_config")
          .putObject("format")
          .put("type", "json_schema")
          .set("schema", request.output().schema());
    }
    body.put("stream", true);
    if (request.params().temperature() != null) {
      body.put("temperature", request.params().temperature());
    }
    if (request.params().topP() != null) {
      body.put("top_p", request.params().topP());
    }
    Map<String, String> headers = new LinkedHashMap<>();
    headers.put("anthropic-version", VERSION);
    if (settings.apiKey() != null) {
      headers.put("x-api-key", settings.apiKey().reveal());
    }
    String base = settings.baseUrl().getRawPath();
    boolean versioned = base != null && base.matches(".*/v1/?");
    return new Request(versioned ? "/messages" : "/v1/messages", headers, body);
  }

  @Override
  public void event(@Nullable String name, byte[] data, int length, Reply reply)
      throws IOException, ProviderException {
    type = name == null ? "" : name;
    index = 0;
    text = "";
    thinking = "";
    blockType = "";
    callId = null;
    callName = null;
    arguments = "";
    signature = "";
    citation = null;
    stopReason = null;
    error = null;
    counted = false;
    ChunkJson.document(data, length, eventField);
    switch (type) {
      case "content_block_start", "content_block_delta" -> {
        block(reply);
        reply.delta(index, PartKind.REASONING, thinking);
        reply.delta(index, PartKind.TEXT, text);
        cite(reply);
      }
      case "message_start", "message_delta" -> {
        if (counted) {
          long input = freshInput + cacheWritten + cacheRead;
          reply.usage(new TokenUsage(input, output, 0, cacheRead));
        }
        if (stopReason != null) {
          finish = reason(stopReason);
        }
      }
      case "message_stop" -> stop(reply);
      case "error" -> throw VendorError.of(error).inStream(settings.name());
      default -> {
        if (error != null && !error.isNull()) {
          throw VendorError.of(error).inStream(settings.name());
        }
      }
    }
  }

  @Override
  public void end(Reply reply) {
    // Without message_stop the reply is truncated.
  }

  private void block(Reply reply) throws ProviderException {
    boolean started = type.equals("content_block_start");
    if (started && blockType.equals("tool_use")) {
      calls.begin(index, callId, callName);
      reply.touch();
    }
    calls.more(index, arguments);
    if (!request.tools().isEmpty()) {
      blocks.piece(index, started ? blockType : "", thinking + text, signature);
    }
  }

  /**
   * Pages have an address; search results that the request held have a source, which may be one.
   */
  private void cite(Reply reply) {
    if (citation != null) {
      JsonNode url = citation.has("url") ? citation.path("url") : citation.path("source");
      reply.cite(url.textValue(), citation.path("title").textValue());
    }
  }

  private void stop(Reply reply) throws ProviderException {
    if (finish == null) {
      throw new ProviderException(
          Kind.TRUNCATED,
          "The provider '" + settings.name() + "' ended its answer without a stop reason.");
    }
    List<ModelEvent.ToolCall> made = calls.tell(reply);
    if (!made.isEmpty() && blocks.signed()) {
      reply.carry(blocks.carried(made));
    }
    reply.finish(finish);
  }

  private void field(String name, JsonParser value) throws IOException, ProviderException {
    switch (name) {
      case "type" -> type = ChunkJson.text(value);
      case "index" -> index = ChunkJson.count(value);
      case "message" -> ChunkJson.object(value, messageField);
      case "content_block", "delta" -> ChunkJson.object(value, partField);
      case "usage" -> countUsage(value);
      case "error" -> error = ChunkJson.tree(value);
      default -> {}
    }
  }

  private void message(String name, JsonParser value) throws IOException, ProviderException {
    if (name.equals("usage")) {
      countUsage(value);
    }
  }

  private void part(String name, JsonParser value) throws IOException {
    switch (name) {
      case "text" -> text = ChunkJson.text(value);
      case "thinking" -> thinking = ChunkJson.text(value);
      case "stop_reason" -> stopReason = ChunkJson.string(value);
      case "type" -> blockType = ChunkJson.text(value);
      case "id" -> callId = ChunkJson.string(value);
      case "name" -> callName = ChunkJson.string(value);
      case "partial_json" -> arguments = ChunkJson.text(value);
      case "citation" -> citation = ChunkJson.tree(value);
      case "signature", "data" -> signature = ChunkJson.text(value);
      default -> {}
    }
  }

  private void countUsage(JsonParser value) throws IOException, ProviderException {
    counted = value.currentToken() == JsonToken.START_OBJECT;
    ChunkJson.object(value, usageField);
  }

  private void usage(String name, JsonParser value) throws IOException {
    if (value.currentToken() != JsonToken.VALUE_NUMBER_INT) {
      return;
    }
    switch (name) {
      case "input_tokens" -> freshInput = ChunkJson.count(value);
      case "cache_creation_input_tokens" -> cacheWritten = ChunkJson.count(value);
      case "cache_read_input_tokens" -> cacheRead = ChunkJson.count(value);
      case "output_tokens" -> output = ChunkJson.count(value);
      default -> {}
    }
  }

  private static FinishReason reason(String stop) {
    return switch (stop) {
      case "end_turn", "stop_sequence" -> FinishReason.STOP;
      case "max_tokens", "model_context_window_exceeded" -> FinishReason.LENGTH;
      case "tool_use" -> FinishReason.TOOL_CALLS;
      case "refusal" -> FinishReason.CONTENT_FILTER;
      default -> FinishReason.OTHER;
    };
  }
}
