package dev.perdure.chat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.Source;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * One message of a session. The parts of an assistant message are empty until its turn has ended;
 * until then its text is in the turn's log.
 *
 * @param parent the message that this one answers; null for the first
 * @param tools the calls of tools in a reply; empty until its turn has ended
 * @param attempts those of a reply that have a reason, because one before them did not succeed;
 *     empty until its turn has ended
 * @param files those that the user has sent with it
 * @param sources what a reply rests on; empty until its turn has ended
 * @param output what the JSON of a structured reply says; null unless one was asked for and is
 *     complete
 * @param position order within the session, from 0, without gaps
 */
public record Message(
    String id,
    String session,
    String turn,
    @Nullable String parent,
    Role role,
    long position,
    Status status,
    @Nullable String model,
    List<Part> parts,
    @Nullable FinishReason finish,
    @Nullable TokenUsage usage,
    @Nullable TurnError error,
    List<ToolUse> tools,
    List<AttemptStarted> attempts,
    List<Attachment> files,
    List<Source> sources,
    @Nullable JsonNode output,
    long createdAtMillis,
    long updatedAtMillis) {

  public Message {
    parts = List.copyOf(parts);
    tools = List.copyOf(tools);
    attempts = List.copyOf(attempts);
    files = List.copyOf(files);
    sources = List.copyOf(sources);
  }

  public enum Role {
    USER,
    ASSISTANT;

    public String wire() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  public enum Status {
    PENDING,
    STREAMING,
    COMPLETE,
    FAILED,
    CANCELLED;

    public String wire() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  public record Part(PartKind kind, String text) {}

  /**
   * A call of a tool in a reply.
   *
   * @param output its result; null if it failed, or never came to one
   * @param after how many parts of the message came before it
   */
  public record ToolUse(
      String call,
      String tool,
      JsonNode input,
      @Nullable JsonNode output,
      @Nullable TurnError error,
      int after) {}

  /**
   * A file of a message, which does not change.
   *
   * @param size in bytes
   * @param after how many parts of the message came before it
   */
  public record Attachment(String file, String name, String mediaType, long size, int after) {}

  /** The parts of the kind text, joined. */
  public String text() {
    StringBuilder out = new StringBuilder();
    for (Part part : parts) {
      if (part.kind() == PartKind.TEXT) {
        out.append(part.text());
      }
    }
    return out.toString();
  }
}
