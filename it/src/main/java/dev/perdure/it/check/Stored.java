package dev.perdure.it.check;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the database holds at the end, column by column, read with plain SQL. */
public final class Stored {
  private Stored() {}

  /** A session with all of its turns and messages, each in the order of position. */
  public record Session(String id, List<Turn> turns, List<Message> messages) {
    public Session {
      turns = List.copyOf(turns);
      messages = List.copyOf(messages);
    }
  }

  /**
   * A row of {@code turn}.
   *
   * @param log its blocks in the order of their first number
   */
  public record Turn(
      String id,
      String state,
      long position,
      long epoch,
      @Nullable String node,
      @Nullable Long startedMillis,
      @Nullable Long endedMillis,
      String userMessage,
      List<Lane> lanes,
      List<Block> log,
      List<ToolCall> calls) {
    public Turn {
      lanes = List.copyOf(lanes);
      log = List.copyOf(log);
      calls = List.copyOf(calls);
    }
  }

  /** A row of {@code tool_call}. */
  public record ToolCall(String id, String tool, String effect, String state, long runs) {}

  /**
   * What the service behind a tool was asked for.
   *
   * @param needsApproval whether the service may be asked for this only if somebody has agreed
   */
  public record ToolRequest(String key, long receivedMillis, boolean needsApproval) {
    public ToolRequest(String key, long receivedMillis) {
      this(key, receivedMillis, false);
    }
  }

  public record Lane(int lane, String message, String model, String state) {}

  public record Block(long firstSeq, long lastSeq, String payload) {}

  /**
   * A row of {@code message}.
   *
   * @param text its parts of kind text, joined
   */
  public record Message(
      String id, String turn, String role, long position, String status, String text) {}

  /** A call that the provider got. */
  public record ProviderCall(
      long id, String marker, String wire, long receivedMillis, String state) {}

  /**
   * A time in which something was stopped or cut off, so that nothing could be on time.
   *
   * @param deadly whether it ended a process: what that one had begun does not go on later
   */
  public record Trouble(String what, long fromMillis, long untilMillis, boolean deadly) {
    public Trouble(String what, long fromMillis, long untilMillis) {
      this(what, fromMillis, untilMillis, false);
    }
  }
}
