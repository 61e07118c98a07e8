package dev.perdure.tool.mcp;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/** From a server's list to tools, as far as it is trusted. For one thread. */
public final class McpTools {
  private static final int MAX_TOOLS = 256;
  private static final int DESCRIPTION_CHARS = 4_096;
  private static final int SCHEMA_CHARS = 32_768;
  private static final int NAME_CHARS = 64;

  private final McpServer server;
  private final Trust trust;
  private final List<Tool> tools = new ArrayList<>();
  private final List<String> faults = new ArrayList<>();
  private final Set<String> names = new HashSet<>();

  /**
   * What is believed of a server.
   *
   * @param allowed its tools that are taken, by its own names; empty for all
   * @param read those that only read, whatever the server says
   * @param idempotent those whose effect comes once for each key, whatever the server says
   * @param annotations whether its own hints are believed
   * @param approval by effect
   * @param limit of one try of a call
   * @param retry of calls that may be repeated
   */
  public record Trust(
      List<String> allowed,
      List<String> read,
      List<String> idempotent,
      boolean annotations,
      Function<Effect, Tool.Approval> approval,
      Duration limit,
      Tool.Retry retry) {
    public Trust {
      allowed = List.copyOf(allowed);
      read = List.copyOf(read);
      idempotent = List.copyOf(idempotent);
    }
  }

  McpTools(McpServer server, Trust trust) {
    this.server = server;
    this.trust = trust;
  }

  void clear() {
    tools.clear();
    faults.clear();
    names.clear();
  }

  List<Tool> list() {
    return List.copyOf(tools);
  }

  /** Why some are left out. */
  List<String> faults() {
    return List.copyOf(faults);
  }

  /** Takes one, or notes why not. */
  void add(JsonNode said) {
    String own = said.path("name").asText();
    if (!trust.allowed().isEmpty() && !trust.allowed().contains(own)) {
      return;
    }
    String name = server.name() + "__" + own.replaceAll("[^A-Za-z0-9_-]", "_");
    JsonNode schema = said.path("inputSchema");
    if (own.isEmpty() || name.length() > NAME_CHARS) {
      fault(own, "its name is empty, or longer than vendors take");
    } else if (tools.size() == MAX_TOOLS) {
      fault(own, "there are more than " + MAX_TOOLS);
    } else if (!schema.isObject() || schema.toString().length() > SCHEMA_CHARS) {
      fault(own, "its schema is none, or longer than " + SCHEMA_CHARS + " characters");
    } else if (!names.add(name)) {
      fault(own, "there is another one with this name");
    } else {
      Effect effect = effect(own, said.path("annotations"));
      tools.add(
          new McpTool(
              server,
              new Tool.Spec(
                  name,
                  description(said),
                  Json.clean(schema),
                  effect,
                  trust.approval().apply(effect),
                  trust.limit(),
                  trust.retry()),
              own));
    }
  }

  private void fault(String own, String why) {
    if (faults.size() < MAX_TOOLS) {
      String shown = own.replaceAll("[^!-~]", "?");
      faults.add("'" + shown.substring(0, Math.min(shown.length(), NAME_CHARS)) + "': " + why);
    }
  }

  private Effect effect(String own, JsonNode annotations) {
    if (trust.read().contains(own)) {
      return Effect.READ;
    }
    if (trust.idempotent().contains(own)) {
      return Effect.IDEMPOTENT;
    }
    if (trust.annotations() && annotations.path("readOnlyHint").asBoolean()) {
      return Effect.READ;
    }
    return trust.annotations() && annotations.path("idempotentHint").asBoolean()
        ? Effect.IDEMPOTENT
        : Effect.UNSAFE;
  }

  private static String description(JsonNode said) {
    String text = said.path("description").asText(said.path("title").asText(""));
    return Json.clean(
        text.length() <= DESCRIPTION_CHARS ? text : text.substring(0, DESCRIPTION_CHARS) + "…");
  }
}
