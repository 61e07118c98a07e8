package dev.perdure.server.aisdk;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.chat.Message.Part;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.http.HttpLimits;
import dev.perdure.server.http.Text;
import dev.perdure.server.http.Uploads;
import dev.perdure.server.http.Uploads.Told;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The body that a chat transport of the AI SDK posts, checked. Of the history that comes along only
 * the last message is read, and the id of the one before it; an application's own members are
 * passed over. Immutable.
 *
 * @param chat the client's id of the conversation
 * @param regenerate whether another reply is asked for, instead of one to a new message
 * @param messageId the message that is edited or whose reply is to be another; null otherwise
 * @param last the message at the end, which is what the request is about
 * @param previous the id of the message before it; null if there is none
 * @param model {@code provider/model}; null for the default
 * @param instructions the system prompt; null for none
 * @param tools what it says of tools, as a message of the native API does
 */
record ChatRequest(
    String chat,
    boolean regenerate,
    @Nullable String messageId,
    Last last,
    @Nullable String previous,
    @Nullable String model,
    @Nullable String instructions,
    ObjectNode tools) {
  static final int ID_CHARS = 255;
  private static final int MODEL_CHARS = 200;

  /** What an application may say beside what the client says by itself. */
  static final List<String> OWN =
      List.of("model", "instructions", "tools", "toolPolicy", "toolLimits", "clientTools");

  /** What else is read; other members are passed over. */
  private static final List<String> READ = List.of("id", "trigger", "messageId");

  /** Where {@code GET /api/chat/CHAT/messages} says that a file is, as a page may have it. */
  private static final Pattern STORED_FILE =
      Pattern.compile("[^?#]*/v1/files/(file_[0-9a-z]{26})(?:[?#].*)?");

  /** More calls of tools than a reply can have waiting at once. */
  private static final int MAX_CALLS = 1000;

  /** The message at the end of what was posted. Immutable. */
  sealed interface Last {}

  /**
   * A user message as it was posted.
   *
   * @param id the client's id of it, or the server's if the client has loaded it from there
   * @param files which are not stored yet, or are named by where they were loaded from
   */
  record Posted(String id, List<Part> parts, List<Told> files) implements Last {}

  /**
   * A reply whose calls of tools the user has decided or the client has run.
   *
   * @param id the server's id of the reply
   */
  record Answered(String id, List<Said> calls) implements Last {}

  /**
   * What was said of one call, unchecked. A reply repeats what the server itself has told of its
   * other calls, so only those count that wait for it.
   *
   * @param approved of an approval; null for a result
   * @param output of a result that is none of an error; null otherwise
   * @param text the reason, or the error
   */
  record Said(
      String call, @Nullable Boolean approved, @Nullable JsonNode output, @Nullable String text) {}

  /**
   * @throws PerdureException INVALID_JSON, INVALID_REQUEST, TOO_LARGE
   */
  static ChatRequest read(byte[] body, HttpLimits.Body limits) {
    Members members = new Members();
    try (JsonParser parser = Json.MAPPER.getFactory().createParser(body)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw invalid("The body is not a JSON object. Post what the AI SDK's transport sends.");
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        members.take(name, parser);
      }
      if (parser.nextToken() != null) {
        throw invalid("The body goes on after its end.");
      }
    } catch (JsonProcessingException e) {
      throw new PerdureException(ErrorCode.INVALID_JSON, "The body is not valid JSON in UTF-8.", e);
    } catch (IOException e) {
      throw new PerdureException(ErrorCode.INVALID_JSON, "The body is not valid UTF-8.", e);
    }
    return members.request(limits);
  }

  /**
   * The members of a request that matter, as they come; checked when all are there. Used by one
   * thread.
   */
  static final class Members {
    private final Map<String, JsonNode> named = new HashMap<>();
    private final List<JsonNode> last = new ArrayList<>();

    /** Reads the value of a member, or passes over it. The parser stands at its first token. */
    void take(String name, JsonParser parser) throws IOException {
      if (name.equals("messages")) {
        lastTwo(parser, last);
      } else if (name.equals("message")) {
        last.add(Json.MAPPER.readTree(parser));
      } else if (READ.contains(name) || OWN.contains(name)) {
        named.put(name, Json.MAPPER.readTree(parser));
      } else {
        parser.skipChildren();
      }
    }

    /**
     * The client's id of the conversation.
     *
     * @throws PerdureException INVALID_REQUEST, TOO_LARGE
     */
    String chat() {
      @Nullable String chat = text(named.get("id"), "id", ID_CHARS);
      if (chat == null) {
        throw invalid("'id', the id of the chat, is missing.");
      }
      return chat;
    }

    /**
     * The request.
     *
     * @throws PerdureException INVALID_REQUEST, TOO_LARGE
     */
    ChatRequest request(HttpLimits.Body limits) {
      return checked(chat(), named, last, limits);
    }
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
      String chat, Map<String, JsonNode> members, List<JsonNode> last, HttpLimits.Body limits) {
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
        last(last.getLast(), regenerate, limits),
        last.size() == 2 ? text(last.getFirst().get("id"), "id of a message", ID_CHARS) : null,
        text(members.get("model"), "model", MODEL_CHARS),
        instructions == null || instructions.isBlank() ? null : instructions,
        tools(members));
  }

  /** An application may have a member {@code tools} of its own, which is no list. */
  private static ObjectNode tools(Map<String, JsonNode> members) {
    ObjectNode tools = Json.MAPPER.createObjectNode();
    for (String name : List.of("tools", "toolPolicy", "toolLimits", "clientTools")) {
      @Nullable JsonNode value = members.get(name);
      if (value != null && (value.isArray() || !name.equals("tools"))) {
        tools.set(name, value);
      }
    }
    return tools;
  }

  private static Last last(JsonNode message, boolean regenerate, HttpLimits.Body limits) {
    @Nullable String id = text(message.get("id"), "id of a message", ID_CHARS);
    if (id == null) {
      throw invalid("The last message has no id.");
    }
    String role = message.path("role").asText();
    if (role.equals("assistant") && !regenerate) {
      List<Said> said = said(message.path("parts"));
      if (!said.isEmpty()) {
        return new Answered(id, said);
      }
    }
    if (!role.equals("user")) {
      throw invalid("The last message is not the user's. There is nothing to answer.");
    }
    return posted(id, message, limits);
  }

  private static List<Said> said(JsonNode parts) {
    List<Said> said = new ArrayList<>();
    for (JsonNode part : parts) {
      String type = part.path("type").asText();
      String call = part.path("toolCallId").asText();
      if (call.isEmpty() || !(type.startsWith("tool-") || type.equals("dynamic-tool"))) {
        continue;
      }
      if (said.size() == MAX_CALLS) {
        throw invalid("The message has more than " + MAX_CALLS + " calls of tools.");
      }
      JsonNode approval = part.path("approval");
      switch (part.path("state").asText()) {
        case "approval-responded", "output-denied" ->
            said.add(
                new Said(
                    call,
                    approval.path("approved").asBoolean(false),
                    null,
                    approval.path("reason").textValue()));
        case "output-available" ->
            said.add(
                new Said(
                    call, null, part.has("output") ? part.get("output") : NullNode.instance, null));
        case "output-error" ->
            said.add(new Said(call, null, null, part.path("errorText").asText()));
        default -> {
          // It waits still, and so does the server.
        }
      }
    }
    return List.copyOf(said);
  }

  private static Posted posted(String id, JsonNode message, HttpLimits.Body limits) {
    JsonNode posted = message.path("parts");
    if (!posted.isArray() || posted.size() > limits.parts()) {
      throw invalid("The parts of a message must be an array of at most " + limits.parts() + ".");
    }
    List<Part> parts = new ArrayList<>();
    List<Told> files = new ArrayList<>();
    int chars = 0;
    for (JsonNode part : posted) {
      String type = part.path("type").asText();
      if (type.startsWith("data-")) {
        // The page's own, which no model is shown: the SDK's own servers pass over it too.
        continue;
      }
      if (type.equals("file")) {
        files.add(file(part, parts.size()));
        continue;
      }
      if (!type.equals("text")) {
        throw invalid(
            "Parts of the type '"
                + Text.shown(type)
                + "' are not supported. Send parts of the types 'text' and 'file'.");
      }
      @Nullable String text = textual(part.get("text"), "text", limits.messageChars());
      chars += text == null ? 0 : text.length();
      if (chars > limits.messageChars()) {
        throw tooLong("message", limits.messageChars());
      }
      parts.add(new Part(PartKind.TEXT, text == null ? "" : text));
    }
    if (files.isEmpty() && parts.stream().allMatch(part -> part.text().isBlank())) {
      throw invalid("The message is blank. Send some text.");
    }
    return new Posted(id, List.copyOf(parts), List.copyOf(files));
  }

  private static Told file(JsonNode part, int after) {
    String url = part.path("url").asText();
    if (!url.startsWith("data:")) {
      Matcher stored = STORED_FILE.matcher(url);
      if (stored.matches()) {
        return new Told.Stored(stored.group(1), after);
      }
    }
    return Uploads.inline(url, part.path("filename").textValue(), after);
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
