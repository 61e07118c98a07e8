package dev.perdure.chat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import dev.perdure.protocol.Json;
import org.jspecify.annotations.Nullable;

/** The JSON object in a reply that was to be one. Stateless. */
public final class Structured {
  private static final String FENCE = "```";

  /** Another value behind the object would be passed over otherwise. */
  private static final ObjectReader WHOLE =
      Json.MAPPER.reader().with(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private Structured() {}

  /**
   * The object; null if the text is none. A fence around it, which models like to put there, is
   * passed over, nothing else is.
   */
  public static @Nullable JsonNode value(String text) {
    String json = text.strip();
    if (json.startsWith(FENCE) && json.endsWith(FENCE) && json.length() > 2 * FENCE.length()) {
      int line = json.indexOf('\n');
      json = line < 0 ? "" : json.substring(line, json.length() - FENCE.length()).strip();
    }
    if (!json.startsWith("{") || !json.endsWith("}")) {
      return null;
    }
    try {
      return Json.clean(WHOLE.readTree(json));
    } catch (JsonProcessingException | IllegalArgumentException e) {
      return null;
    }
  }
}
