package dev.perdure.chat;

import dev.perdure.chat.TurnRequest.Output;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** A conversation, owned by one caller. Times are milliseconds since 1970. */
public record Session(String id, Settings settings, long createdAtMillis, long updatedAtMillis) {

  /**
   * What the caller has said of a session.
   *
   * @param instructions its part of the system prompt; null for none
   * @param metadata names and values, sorted by name; models see them as data
   * @param tools the tools of the server that its turns may use; null for all
   * @param output the form of its replies where a message does not say; null for any
   * @param toolLimits how much of tools each of their replies may use
   */
  public record Settings(
      @Nullable String title,
      @Nullable String instructions,
      Map<String, String> metadata,
      @Nullable List<String> tools,
      @Nullable Output output,
      ToolLimits toolLimits) {
    public static final Settings NONE = new Settings(null, null, Map.of(), null);

    /** Without a form of replies. */
    public Settings(
        @Nullable String title,
        @Nullable String instructions,
        Map<String, String> metadata,
        @Nullable List<String> tools) {
      this(title, instructions, metadata, tools, null, ToolLimits.NONE);
    }

    /** The same, with other metadata. */
    public Settings withMetadata(Map<String, String> others) {
      return new Settings(title, instructions, others, tools, output, toolLimits);
    }

    public Settings {
      metadata = new TreeMap<>(metadata);
      tools = tools == null ? null : List.copyOf(tools);
    }
  }
}
