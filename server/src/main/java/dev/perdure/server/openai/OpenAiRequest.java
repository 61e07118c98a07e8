package dev.perdure.server.openai;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.Message.Role;
import dev.perdure.chat.TurnRequest.Output;
import dev.perdure.protocol.GenerationParams;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.http.HttpLimits;
import dev.perdure.server.http.Text;
import dev.perdure.server.openai.OpenAiContent.Given;
import dev.perdure.server.openai.OpenAiTools.Said;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The body of a request that makes a response or a chat completion, checked. What would change the
 * answer and cannot be done is refused by name; what only tunes it, or is new, is passed over.
 * Immutable.
 *
 * @param model as the client named it; null for the default
 * @param earlier messages before the last one, oldest first
 * @param message the user's message, the last one; null if there are results of tools instead
 * @param said results of tools and answers to requests for an approval, behind the last message
 * @param tools what it says of tools
 * @param output the form that the reply must have; null for any
 * @param instructions the system prompt: what the request says and its system messages
 * @param previous the id of the response that this one follows; null for none
 * @param conversation the id of the conversation that it belongs to; null for none
 * @param usageChunk whether a stream of a chat completion ends with the usage
 */
record OpenAiRequest(
    @Nullable String model,
    List<Given> earlier,
    @Nullable Given message,
    List<Said> said,
    OpenAiTools.Wish tools,
    @Nullable Output output,
    @Nullable String instructions,
    GenerationParams params,
    @Nullable String previous,
    @Nullable String conversation,
    boolean stream,
    boolean background,
    JsonNode metadata,
    boolean usageChunk) {
  private static final int MODEL_CHARS = 200;
  private static final int ID_CHARS = 100;
  private static final int METADATA_ENTRIES = 16;
  private static final int METADATA_NAME_CHARS = 64;
  private static final int METADATA_CHARS = 512;

  /** The most messages that a request may bring along. */
  private static final int MESSAGES = 1000;

  private static final int MAX_OUTPUT_TOKENS = 10_000_000;

  /** What Perdure cannot do, and why; the members that are an empty list or null are no matter. */
  private static final Map<String, String> UNSUPPORTED =
      Map.of(
          "prompt", "Send the text itself.",
          "functions", "Send 'tools'.",
          "logprobs", "Log probabilities are not kept.",
          "stop", "No sequence ends a reply. Leave it out.",
          "web_search_options", "Configure tools on the server.",
          "audio", "Only text is supported.",
          "modalities", "Only text is supported.");

  /** Reads the body of {@code POST /responses}. */
  static OpenAiRequest response(byte[] body, HttpLimits.Body limits) {
    JsonNode json = parse(body);
    refuseUnsupported(json);
    if (json.path("store").isBoolean() && !json.path("store").booleanValue()) {
      throw Refusal.unsupported(
          "store", "Every reply is stored, so 'store' cannot be false. Leave it out.");
    }
    List<String> system = new ArrayList<>();
    instructions(json, limits).ifPresent(system::add);
    List<Given> messages = new ArrayList<>();
    List<Said> said = new ArrayList<>();
    JsonNode input = json.path("input");
    if (input.isTextual()) {
      messages.add(OpenAiContent.read(Role.USER, input, "input", limits));
    } else if (input.isArray()) {
      messages(input, "input", system, messages, said, limits);
      requireResultsAlone(json, input, said);
    } else {
      throw Refusal.invalid("input", "'input' must be a string or a list of messages.");
    }
    return build(json, "max_output_tokens", system, messages, said, limits);
  }

  /** Results of tools go to the reply that waits for them; a message would be one behind it. */
  private static void requireResultsAlone(JsonNode json, JsonNode input, List<Said> said) {
    boolean goesOn = json.hasNonNull("previous_response_id") || json.hasNonNull("conversation");
    List<Said> any = new ArrayList<>();
    for (JsonNode item : input) {
      boolean _ = OpenAiTools.item(item, "input", any);
    }
    if (goesOn && said.isEmpty() && !any.isEmpty()) {
      throw Refusal.unsupported(
          "input",
          "A message cannot come along with results of tools. Send the results, and the message"
              + " behind the response to them.");
    }
  }

  /** Reads the body of {@code POST /chat/completions}. */
  static OpenAiRequest completion(byte[] body, HttpLimits.Body limits) {
    JsonNode json = parse(body);
    refuseUnsupported(json);
    JsonNode choices = json.path("n");
    if (!choices.isMissingNode() && !choices.isNull() && choices.asInt(0) != 1) {
      throw Refusal.unsupported("n", "One completion per request is supported.");
    }
    List<String> system = new ArrayList<>();
    List<Given> messages = new ArrayList<>();
    List<Said> said = new ArrayList<>();
    if (!json.path("messages").isArray()) {
      throw Refusal.invalid("messages", "'messages' must be a list of messages.");
    }
    messages(json.path("messages"), "messages", system, messages, said, limits);
    String newer = "max_completion_tokens";
    String most = json.hasNonNull(newer) ? newer : "max_tokens";
    return build(json, most, system, messages, said, limits);
  }

  /** Reads messages that are added to a conversation. */
  static List<Given> items(JsonNode items, HttpLimits.Body limits) {
    List<String> system = new ArrayList<>();
    List<Given> messages = new ArrayList<>();
    List<Said> said = new ArrayList<>();
    if (!items.isMissingNode() && !items.isNull() && !items.isArray()) {
      throw Refusal.invalid("items", "'items' must be a list.");
    }
    messages(items, "items", system, messages, said, limits);
    if (!system.isEmpty() || !said.isEmpty() || messages.size() != items.size()) {
      throw Refusal.unsupported(
          "items", "Only messages of 'user' and 'assistant' can be added to a conversation.");
    }
    return messages;
  }

  /** Either its id, or an object with it. */
  private static @Nullable String conversation(JsonNode json) {
    JsonNode value = json.path("conversation");
    @Nullable String id =
        value.isObject() ? line(value, "id", ID_CHARS) : line(json, "conversation", ID_CHARS);
    if (id == null && value.isObject()) {
      throw Refusal.invalid("conversation", "The object 'conversation' has no 'id'.");
    }
    if (id != null && json.hasNonNull("previous_response_id")) {
      throw Refusal.invalid(
          "conversation", "Send 'conversation' or 'previous_response_id', not both.");
    }
    return id;
  }

  static JsonNode parse(byte[] body) {
    try (JsonParser parser = Json.MAPPER.getFactory().createParser(body)) {
      JsonNode json = Json.MAPPER.readTree(parser);
      if (json != null && json.isObject() && parser.nextToken() == null) {
        return json;
      }
    } catch (IOException e) {
      // Said below: what Jackson says may repeat what was sent.
    }
    throw new Refusal(400, "invalid_json", null, "The body is not one JSON object in UTF-8.");
  }

  private static void refuseUnsupported(JsonNode json) {
    UNSUPPORTED.forEach((name, instead) -> {
      JsonNode value = json.path(name);
      boolean empty =
          value.isMissingNode()
              || value.isNull()
              || (value.isBoolean() && !value.booleanValue())
              || (value.isArray() && value.isEmpty())
              || (name.equals("modalities")
                  && value.size() == 1
                  && value.path(0).asText().equals("text"));
      if (!empty) {
        throw Refusal.unsupported(name, "'" + name + "' is not supported. " + instead);
      }
    });
  }

  private static OpenAiRequest build(
      JsonNode json,
      String mostTokens,
      List<String> system,
      List<Given> messages,
      List<Said> said,
      HttpLimits.Body limits) {
    @Nullable Given last = last(json.has("messages") ? "messages" : "input", messages, said);
    String prompt = String.join("\n\n", system);
    if (prompt.length() > limits.instructionsChars()) {
      throw tooLong("instructions", limits.instructionsChars());
    }
    boolean stream = flag(json, "stream");
    return new OpenAiRequest(
        line(json, "model", MODEL_CHARS),
        last == null ? List.of() : List.copyOf(messages.subList(0, messages.size() - 1)),
        last,
        List.copyOf(said),
        OpenAiTools.wish(json),
        OutputForm.wish(json),
        prompt.isBlank() ? null : prompt,
        new GenerationParams(integer(json, mostTokens), number(json, "temperature", 2), topP(json)),
        line(json, "previous_response_id", ID_CHARS),
        conversation(json),
        stream,
        flag(json, "background"),
        metadata(json.path("metadata")),
        flag(json.path("stream_options"), "include_usage"));
  }

  /** The user's message; none if the request goes on behind the results of tools. */
  private static @Nullable Given last(String name, List<Given> messages, List<Said> said) {
    if (!said.isEmpty()) {
      return null;
    }
    if (messages.isEmpty() || messages.getLast().role() != Role.USER) {
      throw Refusal.invalid(
          name, "The last message must be the user's: there is nothing to answer.");
    }
    if (messages.getLast().blank()) {
      throw Refusal.invalid(name, "The message is blank. Send some text.");
    }
    return messages.getLast();
  }

  private static Optional<String> instructions(JsonNode json, HttpLimits.Body limits) {
    JsonNode value = json.path("instructions");
    if (value.isMissingNode() || value.isNull()) {
      return Optional.empty();
    }
    return Optional.of(text(value, "instructions", limits.instructionsChars()));
  }

  private static void messages(
      JsonNode items,
      String name,
      List<String> system,
      List<Given> into,
      List<Said> said,
      HttpLimits.Body limits) {
    if (items.size() > MESSAGES) {
      throw Refusal.invalid(name, "At most " + MESSAGES + " messages are accepted.");
    }
    int index = 0;
    for (JsonNode item : items) {
      String at = name + "[" + index++ + "]";
      String type = item.path("type").asText("message");
      if (!type.equals("message")) {
        if (!OpenAiTools.item(item, at, said)) {
          throw Refusal.unsupported(
              at, "Items of the type '" + Text.shown(type) + "' are not supported.");
        }
        continue;
      }
      String role = item.path("role").asText();
      if (role.equals("tool")) {
        said.add(OpenAiTools.message(item, at));
        continue;
      }
      if (role.equals("assistant") && !item.hasNonNull("content")) {
        // Calls of tools and no text.
        continue;
      }
      JsonNode content = item.path("content");
      switch (role) {
        case "user" -> {
          into.add(OpenAiContent.read(Role.USER, content, at, limits));
          said.clear();
        }
        case "assistant" -> into.add(OpenAiContent.read(Role.ASSISTANT, content, at, limits));
        case "system", "developer" ->
            OpenAiContent.read(Role.ASSISTANT, content, at, limits)
                .parts()
                .forEach(part -> system.add(part.text()));
        default ->
            throw Refusal.invalid(
                at, "The role must be 'user', 'assistant', 'system', 'developer' or 'tool'.");
      }
    }
  }

  static String text(JsonNode value, String name, int maxChars) {
    if (!value.isTextual()) {
      throw Refusal.invalid(name, "'" + name + "' must be a string.");
    }
    if (value.textValue().length() > maxChars) {
      throw tooLong(name, maxChars);
    }
    try {
      return Text.checked(name, value.textValue());
    } catch (PerdureException e) {
      String message = e.getMessage();
      throw Refusal.invalid(name, message == null ? "It is not text." : message);
    }
  }

  private static @Nullable String line(JsonNode json, String name, int maxChars) {
    JsonNode value = json.path(name);
    return value.isMissingNode() || value.isNull() ? null : text(value, name, maxChars);
  }

  private static boolean flag(JsonNode json, String name) {
    JsonNode value = json.path(name);
    if (value.isMissingNode() || value.isNull()) {
      return false;
    }
    if (!value.isBoolean()) {
      throw Refusal.invalid(name, "'" + name + "' must be true or false.");
    }
    return value.booleanValue();
  }

  private static @Nullable Integer integer(JsonNode json, String name) {
    JsonNode value = json.path(name);
    if (value.isMissingNode() || value.isNull()) {
      return null;
    }
    if (!value.isInt() || value.intValue() < 1 || value.intValue() > MAX_OUTPUT_TOKENS) {
      throw Refusal.invalid(
          name, "'" + name + "' must be a whole number from 1 to " + MAX_OUTPUT_TOKENS + ".");
    }
    return value.intValue();
  }

  /** Zero is no share at all, and not every vendor takes it. */
  private static @Nullable Double topP(JsonNode json) {
    @Nullable Double share = number(json, "top_p", 1);
    if (share != null && share == 0) {
      throw Refusal.invalid(
          "top_p", "'top_p' must be above 0. For the likeliest words send 'temperature': 0.");
    }
    return share;
  }

  private static @Nullable Double number(JsonNode json, String name, double max) {
    JsonNode value = json.path(name);
    if (value.isMissingNode() || value.isNull()) {
      return null;
    }
    double number = value.isNumber() ? value.doubleValue() : Double.NaN;
    if (!(number >= 0 && number <= max)) {
      throw Refusal.invalid(name, "'" + name + "' must be a number from 0 to " + max + ".");
    }
    return number;
  }

  static JsonNode metadata(JsonNode metadata) {
    if (metadata.isMissingNode() || metadata.isNull()) {
      return Json.MAPPER.createObjectNode();
    }
    if (!metadata.isObject() || metadata.size() > METADATA_ENTRIES) {
      throw Refusal.invalid(
          "metadata", "'metadata' must be an object of at most " + METADATA_ENTRIES + " strings.");
    }
    metadata
        .properties()
        .forEach(each -> {
          if (each.getKey().length() > METADATA_NAME_CHARS) {
            throw tooLong("metadata", METADATA_NAME_CHARS);
          }
          text(each.getValue(), "metadata", METADATA_CHARS);
        });
    return metadata;
  }

  static Refusal tooLong(String name, int maxChars) {
    return new Refusal(
        400,
        "string_above_max_length",
        name,
        "'" + name + "' has more than " + maxChars + " characters. Shorten it.");
  }
}
