package dev.perdure.server.http;

import dev.perdure.chat.AnswerDesk;
import dev.perdure.chat.Branches;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.Desk;
import dev.perdure.chat.ToolCalls;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.Providers;
import java.util.List;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Another protocol's way to the same turns: routes of its own, and its own words for a refusal.
 * Implementations are thread-safe.
 */
public interface FrontDoor {
  /**
   * The beginning of all of its paths, such as {@code /openai/}. A refusal below it is said in its
   * words, also that of a path which it does not have.
   */
  String prefix();

  List<Route> routes();

  /**
   * Answers with a refusal as the protocol's clients expect it; {@code Retry-After} is set already
   * where it applies.
   *
   * @param detail the value, the cause and the fix; for the caller's eyes
   */
  void refuse(Exchange exchange, ErrorCode code, String detail);

  /** The same for what was thrown, of which a door may know more than its code. */
  default void refuse(Exchange exchange, PerdureException e) {
    @Nullable String detail = e.getMessage();
    refuse(exchange, e.code(), detail == null ? "" : detail);
  }

  /**
   * What a door is made of.
   *
   * @param tools reads what requests say of tools
   * @param uploads takes in the files that requests bring along
   * @param random for ids that mean nothing
   */
  record Parts(
      Desk desk,
      AnswerDesk answers,
      ToolCalls calls,
      Conversations conversations,
      Branches branches,
      Providers providers,
      ProjectedStreams streams,
      ToolRequests tools,
      Uploads uploads,
      HttpLimits limits,
      RandomGenerator random) {}

  /** Makes a door. */
  @FunctionalInterface
  interface Maker {
    FrontDoor make(Parts parts);
  }
}
