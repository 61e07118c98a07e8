package dev.perdure.server.aisdk;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.chat.Answer;
import dev.perdure.chat.AnswerDesk;
import dev.perdure.chat.Branches;
import dev.perdure.chat.CallState;
import dev.perdure.chat.Caller;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.Desk;
import dev.perdure.chat.IdempotencyKey;
import dev.perdure.chat.Message;
import dev.perdure.chat.Message.Part;
import dev.perdure.chat.Message.Role;
import dev.perdure.chat.NewTurn;
import dev.perdure.chat.NewTurn.FileAt;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Origin;
import dev.perdure.chat.Origin.Spot;
import dev.perdure.chat.ToolCalls;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.GenerationParams;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnState;
import dev.perdure.server.http.FrontDoor;
import dev.perdure.server.http.Models;
import dev.perdure.server.http.Text;
import dev.perdure.server.http.ToolRequests;
import dev.perdure.server.http.Uploads;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
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
  private final AnswerDesk answers;
  private final ToolCalls calls;
  private final ToolRequests tools;
  private final Uploads uploads;

  Chats(FrontDoor.Parts parts) {
    this.desk = parts.desk();
    this.conversations = parts.conversations();
    this.branches = parts.branches();
    this.models = new Models(parts.providers());
    this.answers = parts.answers();
    this.calls = parts.calls();
    this.tools = parts.tools();
    this.uploads = parts.uploads();
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
  Turn accept(Caller caller, ChatRequest request, ChatRequest.Posted posted, @Nullable String key) {
    String model = models.checked(request.model());
    ToolRequests.Choice choice = tools.choice(request.tools());
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
            Recovery.RESTART,
            choice.tools(),
            choice.askFirst(),
            choice.clients(),
            null,
            choice.limits());
    return request.regenerate()
        ? regenerate(caller, session, request, posted, asked, key)
        : submit(caller, session, request, posted, asked);
  }

  /**
   * The turn whose reply was posted with answers in it.
   *
   * @throws PerdureException NOT_FOUND, CONFLICT if it has ended without a reply
   */
  Turn answered(Caller caller, ChatRequest request, ChatRequest.Answered reply) {
    String turn =
        session(caller, request.chat())
            .flatMap(session -> branches.message(caller, session, reply.id()))
            .map(Message::turn)
            .orElseThrow(() -> PerdureException.notFound("message", Text.shown(reply.id())));
    Turn found = conversations.turn(caller, turn);
    if (found.state() == TurnState.FAILED || found.state() == TurnState.CANCELLED) {
      throw conflict("The reply has ended, so no call of a tool in it waits any more.");
    }
    return found;
  }

  /** Gives the answers to those calls that wait for one; false if none does. */
  boolean answer(Caller caller, Turn turn, ChatRequest.Answered reply) {
    Map<String, CallState> states = new HashMap<>();
    calls.ofTurn(caller, turn.id()).forEach(row -> states.put(row.id(), row.state()));
    List<Answer> given = new ArrayList<>();
    for (ChatRequest.Said said : reply.calls()) {
      @Nullable CallState state = states.get(said.call());
      if (state != null && state.waits()) {
        given.add(tools.answer(json(said, state)));
      }
    }
    if (given.isEmpty()) {
      return false;
    }
    Turn _ = answers.answerAll(caller, turn.id(), given);
    return true;
  }

  private static ObjectNode json(ChatRequest.Said said, CallState state) {
    ObjectNode json = Json.MAPPER.createObjectNode().put("call", said.call());
    if (said.approved() != null) {
      // A call that was cut short is shown as one that asks whether it may run again.
      boolean again = state == CallState.ATTENTION;
      json.put(
          "decision", said.approved() ? (again ? "repeat" : "approve") : again ? "fail" : "refuse");
    } else if (said.output() != null) {
      json.put("decision", "done").set("output", said.output());
    } else {
      // A question has no failure, but it may be declined.
      json.put("decision", state == CallState.INPUT ? "refuse" : "fail");
    }
    return said.text() == null ? json : json.put("reason", said.text());
  }

  /** Whether a turn stands still until somebody answers, as its row says now. */
  boolean waits(Caller caller, Turn turn) {
    return conversations.turn(caller, turn.id()).state() == TurnState.WAITING;
  }

  private Turn submit(
      Caller caller,
      String session,
      ChatRequest request,
      ChatRequest.Posted posted,
      TurnRequest asked) {
    List<FileAt> files = uploads.stored(caller, posted.files());
    @Nullable Message same = branches.message(caller, session, posted.id()).orElse(null);
    Spot spot;
    if (same == null) {
      spot = behind(caller, session, request.previous());
    } else {
      if (same.role() != Role.USER) {
        throw conflict("The id of the message is that of a reply. Give each message its own id.");
      }
      if (same.parts().equals(posted.parts()) && filesOf(same).equals(files)) {
        Optional<Turn> earlier = branches.newestTurn(caller, session, same.id());
        if (earlier.isPresent()) {
          return earlier.get();
        }
        if (!same.turn().isEmpty()) {
          // It was the answer to a question of that turn.
          return conversations.turn(caller, same.turn());
        }
      } else if (request.messageId() == null) {
        throw conflict(
            "A message of this id with other content is there already. To edit it, send its id as"
                + " 'messageId' as well.");
      }
      spot = new Spot.Under(same.parent());
    }
    String content = digest(session, posted.id(), posted.parts(), files);
    NewTurn message =
        new NewTurn(
            posted.parts(),
            files,
            asked,
            same == null && !asks(caller, session) ? WhenBusy.ENQUEUE : WhenBusy.INTERRUPT,
            new Origin(spot, posted.id(), List.of(), null));
    return desk.submit(
        caller,
        session,
        uploads.checked(caller, message),
        new IdempotencyKey("ai-sdk:" + content, content));
  }

  private static List<FileAt> filesOf(Message message) {
    return message.files().stream().map(file -> new FileAt(file.file(), file.after())).toList();
  }

  /**
   * Who writes something else instead of an answer withdraws what a reply waits for. A question of
   * the model is answered by it.
   */
  private boolean asks(Caller caller, String session) {
    return branches
        .newestTurn(caller, session, null)
        .filter(turn -> turn.state() == TurnState.WAITING)
        .filter(turn ->
            calls.ofTurn(caller, turn.id()).stream()
                .noneMatch(call -> call.state() == CallState.INPUT && !call.expired()))
        .isPresent();
  }

  /** Whether a message was not sent to be replied to, but has answered a question of the turn. */
  boolean isAnswer(Caller caller, Turn turn, ChatRequest.Posted posted) {
    return branches
        .message(caller, turn.session(), posted.id())
        .filter(message -> message.turn().equals(turn.id()))
        .filter(message -> !message.id().equals(turn.userMessage()))
        .isPresent();
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
      Caller caller,
      String session,
      ChatRequest request,
      ChatRequest.Posted posted,
      TurnRequest asked,
      @Nullable String key) {
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
              .message(caller, session, posted.id())
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
                "ai-sdk:" + digest(session, key, List.of(), List.of()),
                digest(session, answered, List.of(), List.of())));
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
        .map(turn -> branches.branch(caller, session, end(caller, turn), LOADED_MESSAGES))
        .orElse(List.of());
  }

  /** The reply, or the message behind it that has answered a question of it. */
  private String end(Caller caller, Turn turn) {
    return branches
        .newestMessage(caller, turn.session())
        .flatMap(newest -> branches.message(caller, turn.session(), newest))
        .filter(newest -> newest.role() == Role.USER && newest.turn().equals(turn.id()))
        .filter(newest -> !newest.id().equals(turn.userMessage()))
        .map(Message::id)
        .orElse(turn.lanes().getFirst().message());
  }

  private static String digest(String session, String id, List<Part> parts, List<FileAt> files) {
    MessageDigest digest = sha256();
    digest.update((session + "\n" + id).getBytes(UTF_8));
    for (Part part : parts) {
      digest.update((byte) 0);
      digest.update(part.text().getBytes(UTF_8));
    }
    for (FileAt file : files) {
      digest.update((byte) 1);
      digest.update((file.file() + "@" + file.after()).getBytes(UTF_8));
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
