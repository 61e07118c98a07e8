package dev.perdure.server.http;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.Answer;
import dev.perdure.chat.ToolLimits;
import dev.perdure.chat.TurnRequest.ClientTool;
import dev.perdure.protocol.Decision;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.tool.Tools;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What requests say of tools, checked and within limits. Thread-safe. */
public final class ToolRequests {
  /** Names in {@code tools}. */
  private static final int MAX_TOOLS = 128;

  private static final int MAX_CLIENT_TOOLS = 32;

  /** Of tools in one reply: what a thousand steps of the most calls make. */
  private static final int MAX_CALLS = 64_000;

  private static final int NAME_CHARS = 64;
  private static final int DESCRIPTION_CHARS = 4_096;

  /** Of a client's tool, as compact JSON in UTF-16 code units. */
  private static final int SCHEMA_CHARS = 32_768;

  private static final int ID_CHARS = 64;
  private static final int REASON_CHARS = 2_000;

  /** Of a result, or of changed arguments, as compact JSON in UTF-16 code units. */
  private static final int OUTPUT_CHARS = 64 * 1024;

  private final Tools known;

  ToolRequests(Tools known) {
    this.known = known;
  }

  /** The member {@code tools}; null if it is not there. */
  @Nullable List<String> allowed(Fields fields) {
    if (!fields.has("tools")) {
      return null;
    }
    List<String> names = fields.texts("tools", MAX_TOOLS, NAME_CHARS);
    names.forEach(name -> check("tools", name));
    return names;
  }

  /** The member {@code toolPolicy}: the tools that are to ask first. */
  List<String> askFirst(Fields fields) {
    Map<String, String> policy = fields.map("toolPolicy", MAX_TOOLS, NAME_CHARS, NAME_CHARS);
    policy.forEach((name, value) -> {
      check("toolPolicy", name);
      if (!value.equals("always")) {
        throw invalid(
            "'toolPolicy."
                + name
                + "' must be 'always': a message can ask for more approvals than the server, not"
                + " for fewer. Leave it out otherwise.");
      }
    });
    return List.copyOf(policy.keySet());
  }

  /** The member {@code toolLimits}: it can only be less than the server's own limits. */
  ToolLimits limits(Fields fields) {
    Fields given = fields.object("toolLimits", "steps", "calls", "tokens");
    Tools.Limits most = known.limits();
    return new ToolLimits(
        given.integer("steps", 1, most.maxSteps()).orElse(null),
        given.integer("calls", 0, MAX_CALLS).orElse(null),
        given
            .integer("tokens", 1, (int) Math.min(Integer.MAX_VALUE, most.maxTokens()))
            .map(Long::valueOf)
            .orElse(null));
  }

  private void check(String member, String name) {
    if (!known.knows(name)) {
      List<String> names = known.names().stream().sorted().toList();
      throw invalid(
          "'"
              + member
              + "' names '"
              + Text.shown(name)
              + "', which is no tool of this server."
              + Text.didYouMean(name, names)
              + (names.isEmpty() ? " It has none." : " It has: " + String.join(", ", names) + "."));
    }
  }

  /**
   * What a message says of tools.
   *
   * @param tools those of the server that may be used; null for the session's, or all
   * @param askFirst those of them that need an approval each time
   * @param clients tools that the client runs
   * @param limits how much of them each reply may use
   */
  public record Choice(
      @Nullable List<String> tools,
      List<String> askFirst,
      List<ClientTool> clients,
      ToolLimits limits) {}

  /**
   * Reads what a message of another protocol says of tools.
   *
   * @param said the members {@code tools}, {@code toolPolicy}, {@code toolLimits} and {@code
   *     clientTools}, as a message of the native API has them
   */
  public Choice choice(JsonNode said) {
    Fields fields = Fields.of(said, "tools", "toolPolicy", "toolLimits", "clientTools");
    return new Choice(allowed(fields), askFirst(fields), clients(fields), limits(fields));
  }

  /** The names of the server's tools. */
  public Set<String> names() {
    return Set.copyOf(known.names());
  }

  /** The member {@code clientTools}. */
  List<ClientTool> clients(Fields fields) {
    List<ClientTool> out = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (Fields tool :
        fields.objects("clientTools", MAX_CLIENT_TOOLS, "name", "description", "schema")) {
      String name = tool.text("name", NAME_CHARS).orElse("");
      if (!name.matches("[A-Za-z0-9_-]{1,64}")) {
        throw invalid(
            "'"
                + Text.shown(name)
                + "' is no name of a tool. Use 1 to 64 letters, digits, '_' and '-'.");
      }
      if (known.knows(name) || !names.add(name)) {
        throw invalid("There is another tool with the name '" + name + "'. Choose another one.");
      }
      JsonNode schema = tool.json("schema", SCHEMA_CHARS);
      if (!schema.path("type").asText().equals("object")) {
        throw invalid(
            "The schema of '" + name + "' must be a JSON Schema with \"type\": \"object\".");
      }
      out.add(new ClientTool(name, tool.text("description", DESCRIPTION_CHARS).orElse(""), schema));
    }
    return out;
  }

  /** Reads the body of {@code POST /v1/turns/ID/answers}. */
  Answer answer(byte[] body) {
    return answer(Fields.of(body, "call", "decision", "output", "reason", "inputHash", "input"));
  }

  /**
   * An answer that came in the words of another protocol.
   *
   * @param said with the members of the body above
   */
  public Answer answer(JsonNode said) {
    return answer(Fields.of(said, "call", "decision", "output", "reason"));
  }

  private static Answer answer(Fields fields) {
    String call = fields.text("call", ID_CHARS).orElse("");
    String word = fields.text("decision", NAME_CHARS).orElse("");
    Decision decision =
        switch (word) {
          case "approve" -> Decision.APPROVE;
          case "refuse" -> Decision.REFUSE;
          case "done" -> Decision.DONE;
          case "repeat" -> Decision.REPEAT;
          case "fail" -> Decision.FAIL;
          default ->
              throw invalid(
                  "'decision' must be one of 'approve', 'refuse', 'done', 'repeat', 'fail'.");
        };
    if (call.isEmpty()) {
      throw invalid("'call' is missing. Send the id of the call that waits.");
    }
    if (fields.mentions("output") && decision != Decision.DONE) {
      throw invalid("There is an 'output' only where 'decision' is 'done'. Leave it out.");
    }
    if (fields.mentions("input") && decision != Decision.APPROVE) {
      throw invalid("There is an 'input' only where 'decision' is 'approve'. Leave it out.");
    }
    return new Answer(
        call,
        decision,
        fields.mentions("output") ? fields.json("output", OUTPUT_CHARS) : null,
        fields.text("reason", REASON_CHARS).orElse(null),
        fields.text("inputHash", ID_CHARS).orElse(null),
        fields.mentions("input") ? fields.json("input", OUTPUT_CHARS) : null);
  }

  private static PerdureException invalid(String text) {
    return new PerdureException(ErrorCode.INVALID_REQUEST, text);
  }
}
