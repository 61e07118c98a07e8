package dev.perdure.provider.fake;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.provider.demo.DemoScript;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Gemini: frames end with CR LF, usage so far comes with each, and there is no terminator. */
final class FakeGeminiWire extends FakeWire {
  private final JsonNode body;
  private final String model;
  private final long id;
  private long input;
  private int texts;
  private int thoughts;

  FakeGeminiWire(String path, JsonNode body, long id) {
    this.body = body;
    this.id = id;
    String last = path.substring(path.lastIndexOf('/') + 1, path.lastIndexOf(':'));
    this.model = URLDecoder.decode(last, StandardCharsets.UTF_8);
  }

  @Override
  String name() {
    return "gemini";
  }

  @Override
  String model() {
    return model;
  }

  @Override
  JsonNode history() {
    return body.path("contents");
  }

  @Override
  String prompt() {
    return lastOfUser(body.path("contents"), "parts");
  }

  @Override
  String begin(TokenUsage usage) {
    input = usage.input();
    return "";
  }

  @Override
  String delta(PartKind kind, String text) {
    boolean thought = kind == PartKind.REASONING;
    if (thought) {
      thoughts++;
    } else {
      texts++;
    }
    return frame(
        "{\"content\":{\"parts\":[{\"text\":"
            + quoted(text)
            + (thought ? ",\"thought\":true" : "")
            + "}],\"role\":\"model\"},\"index\":0}",
        texts,
        thoughts);
  }

  /** Whole, and without an id, as Gemini sends it. */
  @Override
  String call(String tool, String input, boolean signed) {
    return frame(
        "{\"content\":{\"parts\":[{\"functionCall\":{\"name\":"
            + quoted(tool)
            + ",\"args\":"
            + input
            + "}"
            + (signed ? ",\"thoughtSignature\":\"" + SIGNATURE + "\"" : "")
            + "}],\"role\":\"model\"},\"index\":0}",
        texts,
        thoughts);
  }

  @Override
  DemoScript.Rounds rounds() {
    JsonNode contents = body.path("contents");
    int count = 0;
    List<String> results = new ArrayList<>();
    for (int i = lastUser(contents, "parts") + 1; i < contents.size(); i++) {
      if (contents.path(i).path("role").asText().equals("user")) {
        count++;
        results.clear();
        for (JsonNode part : contents.path(i).path("parts")) {
          part.path("functionResponse")
              .path("response")
              .forEach(value -> results.add(value.asText()));
        }
      }
    }
    return new DemoScript.Rounds(count, results);
  }

  @Override
  boolean signatureCarried() {
    JsonNode contents = body.path("contents");
    for (JsonNode part : contents.path(contents.size() - 2).path("parts")) {
      if (part.has("functionCall") && !part.path("thoughtSignature").asText().equals(SIGNATURE)) {
        return false;
      }
    }
    return true;
  }

  @Override
  String end(TokenUsage usage, FinishReason reason) {
    String finish =
        switch (reason) {
          case STOP, TOOL_CALLS -> "STOP";
          case LENGTH -> "MAX_TOKENS";
          case CONTENT_FILTER -> "SAFETY";
          case OTHER -> "OTHER";
        };
    return frame(
        "{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},\"finishReason\":\""
            + finish
            + "\",\"index\":0}",
        usage.output() - usage.reasoning(),
        usage.reasoning());
  }

  @Override
  String error(int status, @Nullable Duration retryAfter) {
    String details =
        retryAfter == null
            ? ""
            : ",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\","
                + "\"retryDelay\":\""
                + retryAfter.toMillis() / 1000.0
                + "s\"}]";
    return "{\"error\":{\"code\":"
        + status
        + ",\"message\":\"The fake provider fails with "
        + status
        + ".\",\"status\":\""
        + status(status)
        + "\""
        + details
        + "}}";
  }

  @Override
  String streamError(int status) {
    return "data: " + error(status, null) + "\r\n\r\n";
  }

  @Override
  String garbage() {
    return "data: {\"candidates\": [{\"content\": {\"parts\"\r\n\r\n";
  }

  private String frame(String candidate, long candidateTokens, long thoughtTokens) {
    return "data: {\"candidates\":["
        + candidate
        + "],\"usageMetadata\":{\"promptTokenCount\":"
        + input
        + ",\"candidatesTokenCount\":"
        + candidateTokens
        + ",\"totalTokenCount\":"
        + (input + candidateTokens + thoughtTokens)
        + ",\"thoughtsTokenCount\":"
        + thoughtTokens
        + "},\"modelVersion\":"
        + quoted(model)
        + ",\"responseId\":\"resp"
        + id
        + "\"}\r\n\r\n";
  }

  private static String status(int status) {
    return switch (status) {
      case 401 -> "UNAUTHENTICATED";
      case 403 -> "PERMISSION_DENIED";
      case 404 -> "NOT_FOUND";
      case 429 -> "RESOURCE_EXHAUSTED";
      case 503, 529 -> "UNAVAILABLE";
      default -> status < 500 ? "INVALID_ARGUMENT" : "INTERNAL";
    };
  }
}
