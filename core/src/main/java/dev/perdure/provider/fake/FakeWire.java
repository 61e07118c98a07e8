package dev.perdure.provider.fake;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.provider.demo.DemoScript;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Writes one answer in a vendor's language; the frames are those that the vendor documents. For one
 * thread.
 */
abstract class FakeWire {
  /** The wire that a path belongs to, for a new answer; null for none. */
  static @Nullable FakeWire of(String path, JsonNode body, long id) {
    if (path.endsWith("/chat/completions")) {
      return new FakeChatWire(body, id);
    }
    if (path.endsWith("/responses")) {
      return new FakeResponsesWire(body, id);
    }
    if (path.endsWith("/messages")) {
      return new FakeAnthropicWire(body, id);
    }
    if (path.endsWith(":streamGenerateContent")) {
      return new FakeGeminiWire(path, body, id);
    }
    return null;
  }

  /** The provider's name in Perdure. */
  abstract String name();

  abstract String model();

  /** What was asked, without what is the same in each call. */
  abstract JsonNode history();

  /** The text of the last message of the user. */
  abstract String prompt();

  /** What comes before the first chunk; empty for nothing. */
  abstract String begin(TokenUsage usage);

  abstract String delta(PartKind kind, String text);

  /** A call of a tool, after all text; with a signature if the answer has reasoned. */
  abstract String call(String tool, String input, boolean signed);

  abstract String end(TokenUsage usage, FinishReason reason);

  /** What came of the calls of tools since the user's last message. */
  abstract DemoScript.Rounds rounds();

  /** Whether the signature of the last step has come back. */
  abstract boolean signatureCarried();

  /** What signs reasoning, in whatever form. */
  static final String SIGNATURE = "c2lnbmF0dXJl";

  /** The body of an answer with an error status. */
  abstract String error(int status, @Nullable Duration retryAfter);

  /** The same failure once the stream has begun. */
  abstract String streamError(int status);

  /** A frame that is not the JSON it should be. */
  abstract String garbage();

  /** The text of content that is a string or a list of parts with text. */
  static String text(JsonNode content) {
    if (content.isTextual()) {
      return content.asText();
    }
    StringBuilder text = new StringBuilder();
    for (JsonNode part : content) {
      text.append(part.path("text").asText(""));
    }
    return text.toString();
  }

  /** The content of the last message of the user. */
  static String lastOfUser(JsonNode messages, String contentField) {
    int last = lastUser(messages, contentField);
    return last < 0 ? "" : text(messages.path(last).path(contentField));
  }

  /** The place of the last message of the user; results of tools are none. -1 for none. */
  static int lastUser(JsonNode messages, String contentField) {
    for (int i = messages.size() - 1; i >= 0; i--) {
      JsonNode first = messages.path(i).path(contentField).path(0);
      boolean result =
          first.path("type").asText().equals("tool_result") || first.has("functionResponse");
      boolean item = messages.path(i).has("type") && !messages.path(i).has("role");
      if (messages.path(i).path("role").asText("user").equals("user") && !result && !item) {
        return i;
      }
    }
    return -1;
  }

  static String quoted(String text) {
    StringBuilder quoted = new StringBuilder(text.length() + 16).append('"');
    JsonStringEncoder.getInstance().quoteAsString(text, quoted);
    return quoted.append('"').toString();
  }
}
