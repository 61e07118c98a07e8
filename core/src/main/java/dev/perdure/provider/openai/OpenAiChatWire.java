package dev.perdure.provider.openai;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
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
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.ProviderSettings;
import dev.perdure.provider.http.Calls;
import dev.perdure.provider.http.ChunkJson;
import dev.perdure.provider.http.Reply;
import dev.perdure.provider.http.VendorError;
import dev.perdure.provider.http.Wire;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One call of chat completions. The terminator is {@code [DONE]}; since some servers send none, a
 * {@code finish_reason} followed by a clean end counts as well.
 *
 * <p>Dialects: reasoning in {@code reasoning_content} or {@code reasoning}, no usage, an empty
 * string for no finish reason, errors as {@code {"error":…}}, as {@code {"object":"error"}} or
 * under {@code event: error}, calls of tools without an index or all with the same one.
 */
final class OpenAiChatWire implements Wire {
  private static final byte[] DONE = "[DONE]".getBytes(StandardCharsets.US_ASCII);

  private final ProviderSettings settings;
  private final ModelRequest request;

  private final ChunkJson.Field chunkField = this::chunk;
  private final ChunkJson.Field choiceField = this::choice;
  private final ChunkJson.Field deltaField = this::delta;
  private final ChunkJson.Field callField = this::call;
  private final ChunkJson.Field functionField = this::function;

  private final Calls calls;

  private @Nullable FinishReason finish;

  // Of the chunk being read.
  private @Nullable JsonNode error;
  private boolean errorObject;
  private @Nullable TokenUsage usage;
  private String text = "";
  private String reasoning = "";
  private @Nullable JsonNode annotations;

  // Of the choice being read.
  private long index;
  private String choiceText = "";
  private String choiceReasoning = "";
  private @Nullable String choiceFinish;

  // Of the call being read.
  private @Nullable Long callIndex;
  private @Nullable String callId;
  private @Nullable String callName;
  private String callArguments = "";

  OpenAiChatWire(ProviderSettings settings, ModelRequest request) {
    this.settings = settings;
    this.request = request;
    this.calls = new Calls(settings.name());
  }

  @Override
  public Request request() {
    ObjectNode body = JsonNodeFactory.instance.objectNode();
    body.put("model", request.model());
    ArrayNode messages = body.putArray("messages");
    if (request.instructions() != null) {
      messages.addObject().put("role", "system").put("content", request.instructions());
    }
    for (ModelMessage message : request.messages()) {
      OpenAiRequests.chatMessage(messages, message);
    }
    request.steps().forEach(step -> OpenAiRequests.chatStep(messages, step));
    request.after().forEach(message -> OpenAiRequests.chatMessage(messages, message));
    for (ToolSpec tool : request.tools()) {
      body.withArray("tools")
          .addObject()
          .put("type", "function")
          .putObject("function")
          .put("name", tool.name())
          .put("description", tool.description())
          .set("parameters", tool.schema());
    }
    if (request.output() != null) {
      ObjectNode format = body.putObject("response_format").put("type", "json_schema");
      OpenAiRequests.form(format.putObject("json_schema"), request.output());
    }
    body.put("stream", true);
    body.putObject("stream_options").put("include_usage", true);
    if (request.params().maxOutputTokens() != null) {
      // OpenAI has renamed it and its newer models refuse the old name; others know no new one.
      boolean openAi = OpenAiRequests.OPENAI_HOST.equalsIgnoreCase(settings.baseUrl().getHost());
      body.put(openAi ? "max_completion_tokens" : "max_tokens", request.params().maxOutputTokens());
    }
    if (request.params().temperature() != null) {
      body.put("temperature", request.params().temperature());
    }
    if (request.params().topP() != null) {
      body.put("top_p", request.params().topP());
    }
    return new Request(
        OpenAiRequests.path(settings, "/chat/completions"), OpenAiRequests.headers(settings), body);
  }

  @Override
  public void event(@Nullable String name, byte[] data, int length, Reply reply)
      throws IOException, ProviderException {
    if (length == DONE.length && Arrays.equals(data, 0, length, DONE, 0, length)) {
      if (finish == null) {
        throw new ProviderException(
            Kind.TRUNCATED,
            "The provider '" + settings.name() + "' ended its answer without a finish reason.");
      }
      calls.tell(reply);
      reply.finish(finish);
      return;
    }
    if ("error".equals(name)) {
      throw OpenAiErrors.event(settings, data, length);
    }
    error = null;
    errorObject = false;
    usage = null;
    text = "";
    reasoning = "";
    annotations = null;
    ChunkJson.document(data, length, chunkField);
    reply.delta(0, PartKind.REASONING, reasoning);
    reply.delta(0, PartKind.TEXT, text);
    if (annotations != null) {
      UrlCitations.tell(annotations, reply);
    }
    if (!calls.isEmpty()) {
      reply.touch();
    }
    if (usage != null) {
      reply.usage(usage);
    }
    if (error != null) {
      throw VendorError.of(error).inStream(settings.name());
    }
    if (errorObject) {
      throw VendorError.of(ChunkJson.tree(data, length)).inStream(settings.name());
    }
  }

  @Override
  public void end(Reply reply) {
    if (finish != null) {
      calls.tell(reply);
      reply.finish(finish);
    }
  }

  private void chunk(String name, JsonParser value) throws IOException, ProviderException {
    switch (name) {
      case "choices" -> choices(value);
      case "usage" -> usage = usage(value);
      case "error" -> {
        if (value.currentToken() != JsonToken.VALUE_NULL) {
          error = ChunkJson.tree(value);
        }
      }
      case "object" -> errorObject = "error".equals(ChunkJson.string(value));
      default -> {}
    }
  }

  private void choices(JsonParser value) throws IOException, ProviderException {
    if (value.currentToken() != JsonToken.START_ARRAY) {
      return;
    }
    while (value.nextToken() != JsonToken.END_ARRAY) {
      index = 0;
      choiceText = "";
      choiceReasoning = "";
      choiceFinish = null;
      ChunkJson.object(value, choiceField);
      // One answer was asked for; others would be mixed into it.
      if (index == 0) {
        text = joined(text, choiceText);
        reasoning = joined(reasoning, choiceReasoning);
        if (choiceFinish != null && !choiceFinish.isEmpty()) {
          finish = finish(choiceFinish);
        }
      }
    }
  }

  private void choice(String name, JsonParser value) throws IOException, ProviderException {
    switch (name) {
      case "index" -> index = ChunkJson.count(value);
      case "delta" -> ChunkJson.object(value, deltaField);
      case "finish_reason" -> choiceFinish = ChunkJson.string(value);
      default -> {}
    }
  }

  private void delta(String name, JsonParser value) throws IOException, ProviderException {
    switch (name) {
      case "content", "refusal" -> choiceText = joined(choiceText, ChunkJson.text(value));
      case "reasoning_content", "reasoning" -> {
        // A server that is in two minds sends both with the same text.
        if (choiceReasoning.isEmpty()) {
          choiceReasoning = ChunkJson.text(value);
        }
      }
      case "tool_calls" -> toolCalls(value);
      case "annotations" -> annotations = ChunkJson.tree(value);
      default -> {}
    }
  }

  private void toolCalls(JsonParser value) throws IOException, ProviderException {
    if (value.currentToken() != JsonToken.START_ARRAY) {
      return;
    }
    while (value.nextToken() != JsonToken.END_ARRAY) {
      callIndex = null;
      callId = null;
      callName = null;
      callArguments = "";
      ChunkJson.object(value, callField);
      calls.piece(callIndex, callId, callName, callArguments);
    }
  }

  private void call(String name, JsonParser value) throws IOException, ProviderException {
    switch (name) {
      case "index" ->
          callIndex =
              value.currentToken() == JsonToken.VALUE_NUMBER_INT
                  ? Long.valueOf(ChunkJson.count(value))
                  : null;
      case "id" -> callId = ChunkJson.string(value);
      case "function" -> ChunkJson.object(value, functionField);
      default -> {}
    }
  }

  private void function(String name, JsonParser value) throws IOException {
    switch (name) {
      case "name" -> callName = ChunkJson.string(value);
      case "arguments" ->
          // Some servers send an object instead of its text.
          callArguments =
              value.currentToken() == JsonToken.START_OBJECT
                  ? Calls.arguments(ChunkJson.tree(value))
                  : ChunkJson.text(value);
      default -> {}
    }
  }

  /** Nearly always one of the two is empty, and joining would copy. */
  private static String joined(String before, String more) {
    return before.isEmpty() ? more : more.isEmpty() ? before : before + more;
  }

  private static FinishReason finish(String reason) {
    return switch (reason) {
      case "stop" -> FinishReason.STOP;
      case "length" -> FinishReason.LENGTH;
      case "content_filter" -> FinishReason.CONTENT_FILTER;
      case "tool_calls", "function_call" -> FinishReason.TOOL_CALLS;
      default -> FinishReason.OTHER;
    };
  }

  private static @Nullable TokenUsage usage(JsonParser value) throws IOException {
    if (value.currentToken() != JsonToken.START_OBJECT) {
      return null;
    }
    JsonNode node = ChunkJson.tree(value);
    return new TokenUsage(
        ChunkJson.count(node.path("prompt_tokens")),
        ChunkJson.count(node.path("completion_tokens")),
        ChunkJson.count(node.path("completion_tokens_details").path("reasoning_tokens")),
        ChunkJson.count(node.path("prompt_tokens_details").path("cached_tokens")));
  }
}
