package dev.perdure.provider.http;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import java.time.Duration;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a vendor says about a failure, in an error body or inside a stream.
 *
 * <p>Understood are {@code {"error":{message,type,code,status,details}}} of OpenAI, Anthropic and
 * Gemini (there also in an array), {@code {"error":"text"}}, and {@code message} or {@code detail}
 * at the top as some compatible servers have it.
 *
 * @param text what it says; empty if nothing
 * @param names type, code and status in small letters, as far as they are words
 * @param code the number among them, 0 for none
 * @param retryAfter from Gemini's RetryInfo; null for none
 */
public record VendorError(String text, String names, int code, @Nullable Duration retryAfter) {
  private static final int MAX_DETAILS = 20;
  private static final Pattern RETRY_DELAY = Pattern.compile("(\\d{1,6})(?:\\.(\\d{1,3})\\d*)?s");

  static final VendorError NONE = new VendorError("", "", 0, null);

  /** From the document, or from the value of its {@code error} field. */
  public static VendorError of(@Nullable JsonNode given) {
    JsonNode node = given == null ? null : given.isArray() ? given.path(0) : given;
    if (node == null || node.isMissingNode() || node.isNull()) {
      return NONE;
    }
    if (node.isTextual()) {
      return new VendorError(node.asText(), "", 0, null);
    }
    JsonNode error = node.get("error");
    if (error != null && !error.isNull()) {
      return of(error);
    }
    String text = first(node, "message", "detail", "error_description");
    StringBuilder names = new StringBuilder();
    int code = 0;
    for (String field : new String[] {"type", "code", "status"}) {
      JsonNode value = node.path(field);
      if (value.isTextual()) {
        names.append(value.asText().toLowerCase(Locale.ROOT)).append(' ');
      } else if (value.canConvertToInt() && value.intValue() > 0) {
        code = value.intValue();
      }
    }
    return new VendorError(text, names.toString(), code, retryInfo(node.path("details")));
  }

  /** The failure inside a stream that this is. */
  public ProviderException inStream(String provider) {
    return new ProviderException(
        streamKind(),
        "The provider '" + provider + "' broke off with an error: " + said(),
        code >= 100 && code <= 599 ? code : 0,
        retryAfter,
        null);
  }

  String said() {
    return text.isEmpty() ? names.isEmpty() ? "it does not say why" : names.strip() : text;
  }

  /** What the names mean whatever the status; null if they say nothing of the kind. */
  @Nullable Kind named() {
    if (has("insufficient_quota", "billing")) {
      return Kind.AUTH;
    }
    return has("content_filter", "content_policy") ? Kind.CONTENT_FILTER : null;
  }

  private Kind streamKind() {
    Kind kind = named();
    if (kind != null) {
      return kind;
    }
    if (has("overloaded", "unavailable")) {
      return Kind.OVERLOADED;
    }
    if (has("rate_limit", "resource_exhausted", "too_many_requests")) {
      return Kind.RATE_LIMITED;
    }
    if (has("authentication", "permission", "unauthenticated", "invalid_api_key")) {
      return Kind.AUTH;
    }
    if (has("invalid_request", "invalid_argument", "not_found", "context_length")) {
      return Kind.INVALID;
    }
    return Kind.ofStreamError(code);
  }

  private boolean has(String... words) {
    for (String word : words) {
      if (names.contains(word)) {
        return true;
      }
    }
    return false;
  }

  private static String first(JsonNode node, String... fields) {
    for (String field : fields) {
      JsonNode value = node.path(field);
      if (value.isTextual() && !value.asText().isBlank()) {
        return value.asText();
      }
      if (value.isContainerNode()) {
        return value.toString();
      }
    }
    return "";
  }

  private static @Nullable Duration retryInfo(JsonNode details) {
    for (int i = 0; i < Math.min(details.size(), MAX_DETAILS); i++) {
      Matcher m = RETRY_DELAY.matcher(details.path(i).path("retryDelay").asText(""));
      if (m.matches()) {
        String millis = m.group(2) == null ? "0" : (m.group(2) + "00").substring(0, 3);
        return Duration.ofSeconds(Long.parseLong(m.group(1))).plusMillis(Long.parseLong(millis));
      }
    }
    return null;
  }
}
