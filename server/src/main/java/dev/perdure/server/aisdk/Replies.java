package dev.perdure.server.aisdk;

import dev.perdure.chat.Caller;
import dev.perdure.chat.Turn;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.http.KnownLog;
import dev.perdure.server.http.ProjectedStreams;
import dev.perdure.server.http.Text;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Which reply a request is answered with, and from where on it is told; the same whether it came by
 * HTTP or over a WebSocket. Thread-safe.
 */
final class Replies {
  private final Chats chats;

  Replies(Chats chats) {
    this.chats = chats;
  }

  /** A reply that is about to be told. Used by one thread. */
  record Reply(Turn turn, UiMessageStream stream) {}

  /**
   * What comes of a post: the reply to a message, or what follows on an answer.
   *
   * @param key of the request; null without
   * @param place has been taken before anything is stored
   */
  Reply posted(
      Caller caller,
      ChatRequest request,
      @Nullable String key,
      UiMessageStream.Attempts attempts,
      ProjectedStreams.Place place)
      throws InterruptedException {
    return switch (request.last()) {
      case ChatRequest.Posted posted -> {
        Turn turn = chats.accept(caller, request, posted, key);
        yield chats.isAnswer(caller, turn, posted)
            ? behind(turn, attempts, place)
            : whole(caller, turn, attempts, place);
      }
      case ChatRequest.Answered answered -> goOn(caller, request, answered, attempts, place);
    };
  }

  /** A reply from its beginning. */
  Reply whole(
      Caller caller, Turn turn, UiMessageStream.Attempts attempts, ProjectedStreams.Place place)
      throws InterruptedException {
    KnownLog known = known(turn, attempts);
    boolean _ = place.read(turn, Duration.ZERO, known::event);
    known.waiting(chats.waits(caller, turn));
    return new Reply(turn, new UiMessageStream(attempts, known, -1));
  }

  /** The rest of a reply whose question the message has answered, as a message behind that one. */
  private static Reply behind(
      Turn turn, UiMessageStream.Attempts attempts, ProjectedStreams.Place place)
      throws InterruptedException {
    KnownLog known = known(turn, attempts);
    boolean _ = place.read(turn, Duration.ZERO, known::event);
    long after = known.waitOf(Set.of());
    known.answered();
    String id = turn.lanes().getFirst().message() + "." + after;
    return new Reply(turn, new UiMessageStream(attempts, known, after, id));
  }

  /** The turn of a chat whose reply a client that comes back should see. */
  Optional<Turn> current(Caller caller, String chat) {
    return chats.session(caller, chat).flatMap(session -> chats.current(caller, session));
  }

  /** Answers what a reply waits for, and tells of it from there on. */
  private Reply goOn(
      Caller caller,
      ChatRequest request,
      ChatRequest.Answered answered,
      UiMessageStream.Attempts attempts,
      ProjectedStreams.Place place)
      throws InterruptedException {
    Turn turn = chats.answered(caller, request, answered);
    KnownLog known = known(turn, attempts);
    boolean _ = place.read(turn, Duration.ZERO, known::event);
    Set<String> calls =
        answered.calls().stream().map(ChatRequest.Said::call).collect(Collectors.toSet());
    long after = known.waitOf(calls);
    if (chats.answer(caller, turn, answered)) {
      known.answered();
    } else if (after < 0 || chats.waits(caller, turn)) {
      throw new PerdureException(
          ErrorCode.CONFLICT,
          "No call of a tool in the last message waits for this. Load the chat again.");
    } else {
      known.waiting(false);
    }
    return new Reply(turn, new UiMessageStream(attempts, known, after));
  }

  /** A client that cannot forget, or not as far back as a retried lane goes, is not shown it. */
  private static KnownLog known(Turn turn, UiMessageStream.Attempts attempts) {
    return new KnownLog(attempts == UiMessageStream.Attempts.CUT || turn.lanes().size() > 1);
  }

  /**
   * @param asked the header {@code X-Perdure-Attempts}; null without
   * @throws PerdureException INVALID_REQUEST
   */
  static UiMessageStream.Attempts attempts(@Nullable String asked) {
    return switch (asked == null ? "reset" : asked) {
      case "reset" -> UiMessageStream.Attempts.RESET;
      case "cut" -> UiMessageStream.Attempts.CUT;
      default ->
          throw new PerdureException(
              ErrorCode.INVALID_REQUEST,
              "The header 'X-Perdure-Attempts' is '"
                  + Text.shown(String.valueOf(asked))
                  + "'. It must be 'reset' or 'cut'.");
    };
  }
}
