package dev.perdure.server.aisdk;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.Message.Part;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.http.HttpLimits;
import dev.perdure.server.http.Text;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The body that a chat transport of the AI SDK posts, checked. Of the history that comes along only
 * the last message is read, and the id of the one before it; an application's own members are
 * passed over. Immutable.
 *
 * @param chat the client's id of the conversation
 * @param regenerate whether another reply is asked for, instead of one to a new message
 * @param messageId the message that is edited or whose reply is to be another; null otherwise
 * @param message the user's message
 * @param previous the id of the message before it; null if there is none
 * @param model {@code provider/model}; null for the default
 * @param instructions the system prompt; null for none
 */
record ChatRequest(
    String chat,
    boolean regenerate,
    @Nullable String messageId,
    Posted message,
    @Nullable String previous,
    @Nullable String model,
    @Nullable String instructions) {
  static final int ID_CHARS = 255;
  private static final int MODEL_CHARS = 200;

  /** Scalars of an application's own that are longer are passed over unread. */
  private static final List<String> READ =
      List.of("id", "trigger", "messageId", "model", "instructions");

  /**
   * A user message as it was posted.
   *
   * @param id the client's id of it, or the server's if the client has loaded it from there
   */
  record Posted(String id, List<Part> parts) {}

  /**
   * @throws PerdureException INVALID_JSON, INVALID_REQUEST, TOO_LARGE
   */
  static ChatRequest read(byte[] body, HttpLimits.Body limits) {
    Map<String, JsonNode> members = new HashMap<>();
    List<JsonNode> last = new ArrayList<>();
    try (JsonParser parser = Json.MAPPER.getFactory().createParser(body)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw invalid("The body is not a JSON object. Post what the AI SDK's transport sends.");
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        switch (name) {
          case "messages" -> lastTwo(parser, last);
          case "message" -> last.add(Json.MAPPER.readTree(parser));
          default -> {
            if (READ.contains(name)) {
              members.put(name, Json.MAPPER.readTree(parser));
            } else {
              parser.skipChildren();
            }
          }
        }
      }
      if (parser.nextToken() != null) {
        throw invalid("The body goes on after its end.");
      }
    } catch (JsonProcessingException e) {
      throw new PerdureException(ErrorCode.INVALID_JSON, "The body is not valid JSON in UTF-8.", e);
    } catch (IOException e) {
      throw new PerdureException(ErrorCode.INVALID_JSON, "The body is not valid UTF-8.", e);
    }
    return checked(members, last, limits);
  }

  /** Keeps the last two messages, whatever the length of the history. */
  private static void lastTwo(JsonParser parser, List<JsonNode> last) throws IOException {
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      throw invalid("'messages' is not an array.");
    }
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      if (last.size() == 2) {
        last.removeFirst();
      }
      last.add(Json.MAPPER.readTree(parser));
    }
  }

  private static ChatRequest checked(
      Map<String, JsonNode> members, List<JsonNode> last, HttpLimits.Body limits) {
    @Nullable String chat = text(members.get("id"), "id", ID_CHARS);
    if (chat == null) {
      throw invalid("'id', the id of the chat, is missing.");
    }
    @Nullable String trigger = text(members.get("trigger"), "trigger", ID_CHARS);
    boolean regenerate = "regenerate-message".equals(trigger);
    if (!regenerate && trigger != null && !trigger.equals("submit-message")) {
      throw invalid("The trigger '" + Text.shown(trigger) + "' is not known.");
    }
    if (last.isEmpty()) {
      throw invalid("There is no message. Send 'messages', the last of which is the user's.");
    }
    @Nullable String instructions =
        textual(members.get("instructions"), "instructions", limits.instructionsChars());
    return new ChatRequest(
        chat,
        regenerate,
        text(members.get("messageId"), "messageId", ID_CHARS),
        posted(last.getLast(), limits),
        last.size() == 2 ? text(last.getFirst().get("id"), "id of a message", ID_CHARS) : null,
        text(members.get("model"), "model", MODEL_CHARS),
        instructions == null || instructions.isBlank() ? null : instructions);
  }

  private static Posted posted(JsonNode message, HttpLimits.Body limits) {
    if (!"user".equals(message.path("role").textValue())) {
      throw invalid("The last message is not the user's. There is nothing to answer.");
    }
    @Nullable String id = text(message.get("id"), "id of a message", ID_CHARS);
    if (id == null) {
      throw invalid("The last message has no id.");
    }
    JsonNode posted = message.path("parts");
    if (!posted.isArray() || posted.size() > limits.parts()) {
      throw invalid("The parts of a message must be an array of at most " + limits.parts() + ".");
    }
    List<Part> parts = new ArrayList<>();
    int chars = 0;
    for (JsonNode part : posted) {
      String type = part.path("type").asText();
      if (!type.equals("text")) {
        throw invalid(
            "Parts of the type '"
                + Text.shown(type)
                + "' are not supported. Send parts of the type 'text'.");
      }
      @Nullable String text = textual(part.get("text"), "text", limits.messageChars());
      chars += text == null ? 0 : text.length();
      if (chars > limits.messageChars()) {
        throw tooLong("message", limits.messageChars());
      }
      parts.add(new Part(PartKind.TEXT, text == null ? "" : text));
    }
    if (parts.stream().allMatch(part -> part.text().isBlank())) {
      throw invalid("The message is blank. Send some text.");
    }
    return new Posted(id, List.copyOf(parts));
  }

  /** A text on one line, as ids are; null if it is absent. */
  private static @Nullable String text(@Nullable JsonNode value, String name, int maxChars) {
    @Nullable String text = textual(value, name, maxChars);
    if (text == null) {
      return null;
    }
    if (text.isBlank()) {
      throw invalid("'" + name + "' is blank.");
    }
    return Text.line(name, text);
  }

  private static @Nullable String textual(@Nullable JsonNode value, String name, int maxChars) {
    if (value == null || value.isNull()) {
      return null;
    }
    if (!value.isTextual()) {
      throw invalid("'" + name + "' must be a string.");
    }
    if (value.textValue().length() > maxChars) {
      throw tooLong(name, maxChars);
    }
    return Text.checked(name, value.textValue());
  }

  private static PerdureException tooLong(String name, int maxChars) {
    return new PerdureException(
        ErrorCode.TOO_LARGE,
        "'" + name + "' has more than " + maxChars + " characters. Shorten it.");
  }

  private static PerdureException invalid(String message) {
    return new PerdureException(ErrorCode.INVALID_REQUEST, message);
  }
}
