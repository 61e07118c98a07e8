package dev.perdure.server.aisdk;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.perdure.chat.Branches;
import dev.perdure.chat.Caller;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.Desk;
import dev.perdure.chat.IdempotencyKey;
import dev.perdure.chat.Message;
import dev.perdure.chat.Message.Part;
import dev.perdure.chat.Message.Role;
import dev.perdure.chat.NewTurn;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Origin;
import dev.perdure.chat.Origin.Spot;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.GenerationParams;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.http.FrontDoor;
import dev.perdure.server.http.Models;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a posted chat means for its session: a new message, the same one again, an edit, or another
 * reply. Nothing is ever overwritten: an edit is a branch beside what it takes the place of.
 * Thread-safe.
 */
final class Chats {
  /** How long after its end a reply is replayed to a client that asks what is going on. */
  static final Duration REPLAYED_FOR = Duration.ofMinutes(10);

  /** Messages of a chat that are given to a page that loads it. */
  private static final int LOADED_MESSAGES = 1000;

  /** The id of a session may be used as the id of a chat. */
  private static final String SESSION_ID = "sess_[0-9a-z]{26}";

  private final Desk desk;
  private final Conversations conversations;
  private final Branches branches;
  private final Models models;

  Chats(FrontDoor.Parts parts) {
    this.desk = parts.desk();
    this.conversations = parts.conversations();
    this.branches = parts.branches();
    this.models = new Models(parts.providers());
  }

  /** The session of a chat, if the caller has one of this id. */
  Optional<String> session(Caller caller, String chat) {
    if (!chat.matches(SESSION_ID)) {
      return branches.session(caller, chat);
    }
    try {
      return Optional.of(conversations.session(caller, chat).id());
    } catch (PerdureException e) {
      if (e.code() == ErrorCode.NOT_FOUND) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /**
   * Accepts what was posted, or finds the turn in which it was accepted before.
   *
   * @param key of the request's header; null without
   */
  Turn accept(Caller caller, ChatRequest request, @Nullable String key) {
    String model = models.checked(request.model());
    String session =
        request.chat().matches(SESSION_ID)
            ? conversations.session(caller, request.chat()).id()
            : branches.openSession(caller, request.chat());
    TurnRequest asked =
        new TurnRequest(
            List.of(model),
            List.of(),
            request.instructions(),
            GenerationParams.NONE,
            Recovery.RESTART);
    return request.regenerate()
        ? regenerate(caller, session, request, asked, key)
        : submit(caller, session, request, asked);
  }

  private Turn submit(Caller caller, String session, ChatRequest request, TurnRequest asked) {
    ChatRequest.Posted posted = request.message();
    @Nullable Message same = branches.message(caller, session, posted.id()).orElse(null);
    Spot spot;
    if (same == null) {
      spot = behind(caller, session, request.previous());
    } else {
      if (same.role() != Role.USER) {
        throw conflict("The id of the message is that of a reply. Give each message its own id.");
      }
      if (same.parts().equals(posted.parts())) {
        Optional<Turn> earlier = branches.newestTurn(caller, session, same.id());
        if (earlier.isPresent()) {
          return earlier.get();
        }
      } else if (request.messageId() == null) {
        throw conflict(
            "A message of this id with another text is there already. To edit it, send its id as"
                + " 'messageId' as well.");
      }
      spot = new Spot.Under(same.parent());
    }
    String content = digest(session, posted.id(), posted.parts());
    return desk.submit(
        caller,
        session,
        new NewTurn(
            posted.parts(),
            asked,
            same == null ? WhenBusy.ENQUEUE : WhenBusy.INTERRUPT,
            new Origin(spot, posted.id(), List.of(), null)),
        new IdempotencyKey("ai-sdk:" + content, content));
  }

  /** What the user saw last is what the message is about. */
  private Spot behind(Caller caller, String session, @Nullable String previous) {
    @Nullable Message seen =
        previous == null ? null : branches.message(caller, session, previous).orElse(null);
    if (seen == null) {
      return new Spot.Newest();
    }
    if (seen.role() == Role.ASSISTANT) {
      return new Spot.Under(seen.id());
    }
    // Its reply has not reached the client, yet belongs between the two.
    return new Spot.Under(
        branches
            .newestTurn(caller, session, seen.id())
            .map(turn -> turn.lanes().getFirst().message())
            .orElse(seen.id()));
  }

  private Turn regenerate(
      Caller caller, String session, ChatRequest request, TurnRequest asked, @Nullable String key) {
    @Nullable Message named =
        request.messageId() == null
            ? null
            : branches.message(caller, session, request.messageId()).orElse(null);
    @Nullable String answered = null;
    if (named != null) {
      answered = named.role() == Role.USER ? named.id() : named.parent();
    }
    if (answered == null) {
      answered =
          branches
              .message(caller, session, request.message().id())
              .filter(message -> message.role() == Role.USER)
              .map(Message::id)
              .orElse(null);
    }
    if (answered == null) {
      throw new PerdureException(
          ErrorCode.NOT_FOUND, "The message to be answered again is not known in this chat.");
    }
    return desk.submit(
        caller,
        session,
        new NewTurn(
            List.of(),
            asked,
            WhenBusy.INTERRUPT,
            new Origin(new Spot.Again(answered), null, List.of(), null)),
        key == null
            ? null
            : new IdempotencyKey(
                "ai-sdk:" + digest(session, key, List.of()), digest(session, answered, List.of())));
  }

  /** The turn whose stream a client that comes back should see; none if all is long over. */
  Optional<Turn> current(Caller caller, String session) {
    return branches
        .newestTurn(caller, session, null)
        .filter(turn -> !turn.logExpired())
        .filter(turn ->
            turn.endedAtMillis() == null
                || conversations.now() - turn.endedAtMillis() < REPLAYED_FOR.toMillis());
  }

  /** Cancels what is open in a session and returns how many turns that were. */
  int stop(Caller caller, String session) {
    return desk.cancelSession(caller, session).size();
  }

  /** The branch of the newest reply, oldest message first. */
  List<Message> messages(Caller caller, String session) {
    return branches
        .newestTurn(caller, session, null)
        .map(turn ->
            branches.branch(caller, session, turn.lanes().getFirst().message(), LOADED_MESSAGES))
        .orElse(List.of());
  }

  private static String digest(String session, String id, List<Part> parts) {
    MessageDigest digest = sha256();
    digest.update((session + "\n" + id).getBytes(UTF_8));
    for (Part part : parts) {
      digest.update((byte) 0);
      digest.update(part.text().getBytes(UTF_8));
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }

  private static PerdureException conflict(String message) {
    return new PerdureException(ErrorCode.CONFLICT, message);
  }
}
