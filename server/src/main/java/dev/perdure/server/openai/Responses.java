package dev.perdure.server.openai;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.chat.Answer;
import dev.perdure.chat.AnswerDesk;
import dev.perdure.chat.Branches;
import dev.perdure.chat.Caller;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.Desk;
import dev.perdure.chat.IdempotencyKey;
import dev.perdure.chat.Message;
import dev.perdure.chat.NewTurn;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Origin;
import dev.perdure.chat.Origin.Earlier;
import dev.perdure.chat.Origin.Spot;
import dev.perdure.chat.Session;
import dev.perdure.chat.ToolCallRow;
import dev.perdure.chat.ToolCalls;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnEvent.LaneRef;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.PartEnded;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.protocol.TurnEvent.SourceUsed;
import dev.perdure.protocol.TurnEvent.ToolCalled;
import dev.perdure.protocol.TurnEvent.ToolReturned;
import dev.perdure.protocol.TurnEvent.TurnAccepted;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEvent.UsageReported;
import dev.perdure.protocol.TurnState;
import dev.perdure.server.http.Exchange;
import dev.perdure.server.http.FrontDoor;
import dev.perdure.server.http.KnownLog;
import dev.perdure.server.http.Models;
import dev.perdure.server.http.ProjectedStreams;
import dev.perdure.server.http.Projection;
import dev.perdure.server.http.Text;
import dev.perdure.server.http.ToolRequests;
import dev.perdure.server.http.Uploads;
import dev.perdure.server.openai.OpenAiContent.Given;
import dev.perdure.server.openai.OpenAiTools.Said;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Responses as turns: {@code resp_X} is {@code turn_X}, and {@code resp_X_N} what follows in it
 * behind the wait of the sequence number N. A response that follows another is a branch of its
 * session; one that follows none begins a session. Thread-safe.
 */
final class Responses {
  private static final HeaderName IDEMPOTENCY_KEY = HeaderNames.create("Idempotency-Key");
  private static final int KEY_CHARS = 200;
  private static final Pattern ID = Pattern.compile("resp_([0-9a-z]{26})(?:_([0-9]{1,9}))?");

  /** The most messages of a branch that are looked at for the input of a response. */
  private static final int BRANCH_MESSAGES = 2000;

  private final Desk desk;
  private final Conversations conversations;
  private final Branches branches;
  private final Models models;
  private final AnswerDesk answers;
  private final ToolCalls calls;
  private final ToolRequests tools;
  private final Uploads uploads;

  /**
   * A response.
   *
   * @param from the sequence number of the wait behind which it begins; -1 for the first of its
   *     turn
   */
  record Asked(Turn turn, long from) {
    String id() {
      return ResponseStream.responseId(turn.id(), from);
    }
  }

  Responses(FrontDoor.Parts parts) {
    this.desk = parts.desk();
    this.conversations = parts.conversations();
    this.branches = parts.branches();
    this.models = new Models(parts.providers());
    this.answers = parts.answers();
    this.calls = parts.calls();
    this.tools = parts.tools();
    this.uploads = parts.uploads();
  }

  List<String> offeredModels() {
    return models.offered();
  }

  /** The model of a name that may lack its provider, as the vendor's clients know it. */
  String model(@Nullable String name) {
    if (name == null || name.contains("/")) {
      return models.checked(name);
    }
    String fallback = models.fallback();
    if (fallback.endsWith("/" + name)) {
      return fallback;
    }
    return models.knows("openai/" + name) ? "openai/" + name : models.checked(name);
  }

  ResponseNote note(Caller caller, Turn turn) {
    return ResponseNote.of(turn, branches.note(caller, turn.id()).orElse(null));
  }

  /** Accepts a request, or finds the turn in which its key was accepted before. */
  Asked accept(Exchange exchange, ProjectedStreams.Place place, OpenAiRequest request, byte[] body)
      throws InterruptedException {
    return request.said().isEmpty()
        ? new Asked(submit(exchange, request, body), -1)
        : goOn(exchange.caller(), place, request.said());
  }

  /** Gives the results of tools to the turn that waits for them. */
  private Asked goOn(Caller caller, ProjectedStreams.Place place, List<Said> said)
      throws InterruptedException {
    String first = said.getFirst().call();
    String id = calls.turnOf(caller, first).orElseThrow(() -> unknownCall(first));
    Turn turn = conversations.turn(caller, id);
    KnownLog known = new KnownLog(false);
    boolean _ = place.read(turn, Duration.ZERO, known::event);
    Map<String, ToolCallRow> rows = new HashMap<>();
    calls.ofTurn(caller, id).forEach(row -> rows.put(row.id(), row));
    Set<String> named = new HashSet<>();
    List<Answer> given = new ArrayList<>();
    for (Said each : said) {
      @Nullable ToolCallRow row = rows.get(each.call());
      if (row == null) {
        throw unknownCall(each.call());
      }
      named.add(row.id());
      if (row.state().waits()) {
        given.add(tools.answer(each.json(row.state())));
      }
    }
    requireAll(rows.values(), named);
    long from = known.waitOf(named);
    if (from < 0) {
      throw Refusal.invalid("input", "The calls of tools in the input have waited for nobody.");
    }
    Turn _ = answers.answerAll(caller, id, given);
    return new Asked(turn, from);
  }

  private static void requireAll(Collection<ToolCallRow> calls, Set<String> named) {
    for (ToolCallRow call : calls) {
      if (call.state().waits() && !named.contains(call.id())) {
        throw Refusal.invalid("input", "No tool output found for function call " + call.id() + ".");
      }
    }
  }

  private static Refusal unknownCall(String id) {
    return Refusal.invalid(
        "input", "No tool call found for the output with the call id '" + Text.shown(id) + "'.");
  }

  private Turn submit(Exchange exchange, OpenAiRequest request, byte[] body) {
    Caller caller = exchange.caller();
    String model = model(request.model());
    @Nullable String key = exchange.header(IDEMPOTENCY_KEY).orElse(null);
    if (key != null
        && (key.length() > KEY_CHARS || !key.chars().allMatch(c -> c > 32 && c < 127))) {
      throw new Refusal(
          400,
          "invalid_value",
          null,
          "The Idempotency-Key must have 1 to " + KEY_CHARS + " visible ASCII characters.");
    }
    @Nullable Turn previous =
        request.previous() == null ? null : previous(caller, request.previous());
    @Nullable String conversation = request.conversation();
    @Nullable String within = conversation == null ? null : session(caller, conversation);
    ToolRequests.Choice choice = choice(request);
    TurnRequest asked =
        new TurnRequest(
            List.of(model),
            List.of(),
            request.instructions(),
            request.params(),
            Recovery.RESTART,
            choice.tools(),
            choice.askFirst(),
            choice.clients(),
            request.output(),
            choice.limits());
    Origin origin =
        new Origin(
            within == null
                ? new Spot.Under(previous == null ? null : previous.lanes().getFirst().message())
                : new Spot.Under(branches.newestMessage(caller, within).orElse(null)),
            null,
            stored(caller, request.earlier()),
            ResponseNote.json(request));
    Given given = requireNonNull(request.message());
    List<NewTurn.FileAt> files = uploads.stored(caller, given.files());
    NewTurn message =
        uploads.checked(caller, new NewTurn(given.parts(), files, asked, WhenBusy.ENQUEUE, origin));
    IdempotencyKey once =
        key == null ? null : new IdempotencyKey("openai:" + key, hash(exchange.path(), body));
    if (within != null) {
      return desk.submit(caller, within, message, once);
    }
    if (previous != null) {
      return desk.submit(caller, previous.session(), message, once);
    }
    if (key != null) {
      return desk.submit(caller, branches.openSession(caller, "openai:" + key), message, once);
    }
    String session = desk.createSession(caller, Session.Settings.NONE).id();
    try {
      return desk.submit(caller, session, message, null);
    } catch (PerdureException e) {
      desk.deleteSession(caller, session);
      throw e;
    }
  }

  private ToolRequests.Choice choice(OpenAiRequest request) {
    try {
      return tools.choice(request.tools().json(tools.names()));
    } catch (PerdureException e) {
      throw e.code() == ErrorCode.INVALID_REQUEST
          ? Refusal.invalid("tools", String.valueOf(e.getMessage()))
          : e;
    }
  }

  /** Messages from before, whose files become those of the caller. */
  List<Earlier> stored(Caller caller, List<Given> given) {
    return given.stream()
        .map(each -> new Earlier(each.role(), each.parts(), uploads.stored(caller, each.files())))
        .toList();
  }

  /** The session of a conversation, whose open questions must be answered before it goes on. */
  private String session(Caller caller, String conversation) {
    String id = ConversationRoutes.sessionOf(conversation);
    try {
      String session = conversations.session(caller, id).id();
      branches
          .newestTurn(caller, session, null)
          .filter(turn -> turn.state() == TurnState.WAITING)
          .ifPresent(turn -> requireAll(calls.ofTurn(caller, turn.id()), Set.of()));
      return session;
    } catch (PerdureException e) {
      if (e.code() != ErrorCode.NOT_FOUND) {
        throw e;
      }
      throw new Refusal(
          404,
          "not_found",
          "conversation",
          "Conversation with id '" + Text.shown(conversation) + "' not found.");
    }
  }

  private Turn previous(Caller caller, String id) {
    Turn turn =
        find(caller, id)
            .map(Asked::turn)
            .orElseThrow(() ->
                new Refusal(
                    400,
                    "previous_response_not_found",
                    "previous_response_id",
                    "Previous response with id '" + Text.shown(id) + "' not found."));
    if (turn.state() == TurnState.WAITING) {
      requireAll(calls.ofTurn(caller, turn.id()), Set.of());
    }
    return turn;
  }

  private Optional<Asked> find(Caller caller, String id) {
    Matcher matcher = ID.matcher(id);
    if (!matcher.matches()) {
      return Optional.empty();
    }
    try {
      Turn turn = conversations.turn(caller, "turn_" + matcher.group(1));
      if (note(caller, turn).deleted()) {
        return Optional.empty();
      }
      @Nullable String from = matcher.group(2);
      return Optional.of(new Asked(turn, from == null ? -1 : Long.parseLong(from)));
    } catch (PerdureException e) {
      if (e.code() == ErrorCode.NOT_FOUND) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** The response in the path. */
  Asked asked(Exchange exchange, ProjectedStreams.Place place) throws InterruptedException {
    String id = exchange.variable("response");
    Asked asked = find(exchange.caller(), id).orElseThrow(() -> notFound(id));
    if (asked.from >= 0) {
      KnownLog known = new KnownLog(false);
      boolean _ = place.read(asked.turn, Duration.ZERO, known::event);
      if (!known.isWait(asked.from)) {
        throw notFound(id);
      }
    }
    return asked;
  }

  private static Refusal notFound(String id) {
    return new Refusal(
        404, "not_found", "response_id", "Response with id '" + Text.shown(id) + "' not found.");
  }

  Asked cancel(Caller caller, Asked asked) {
    return new Asked(desk.cancelTurn(caller, asked.turn.id()), asked.from);
  }

  /**
   * Deletes a response: with all that is stored of it if its session was made for it and nothing
   * else is there, and else so that it is not found any more; what follows it still builds upon its
   * text.
   */
  void delete(Caller caller, Asked asked) {
    Turn turn = asked.turn;
    if (note(caller, turn).own() && desk.deleteIfAlone(caller, turn.id())) {
      return;
    }
    Turn _ = desk.cancelTurn(caller, turn.id());
    branches.setNote(caller, turn.id(), ResponseNote.DELETED);
  }

  /** The messages that came with the request of a response, oldest first. */
  List<ObjectNode> inputItems(Caller caller, Turn turn) {
    List<Message> branch =
        branches.branch(caller, turn.session(), turn.userMessage(), BRANCH_MESSAGES);
    List<ObjectNode> items = new ArrayList<>();
    for (Message message : branch.reversed()) {
      if (!message.id().equals(turn.userMessage()) && !message.turn().isEmpty()) {
        break;
      }
      items.addFirst(Shapes.message(message));
    }
    return items;
  }

  /** A response whose log has expired, from the message that is stored. */
  ObjectNode stored(Caller caller, Turn turn, ResponseNote note) {
    String id = turn.lanes().getFirst().message();
    Message message =
        branches
            .message(caller, turn.session(), id)
            .orElseThrow(() -> PerdureException.notFound("response", turn.id()));
    ResponseStream state = new ResponseStream(note, -1, Long.MAX_VALUE);
    List<TurnEvent> events = new ArrayList<>();
    String model = message.model() == null ? "" : message.model();
    events.add(
        new TurnAccepted(
            turn.id(),
            turn.session(),
            turn.userMessage(),
            List.of(new LaneRef(0, id, model)),
            turn.createdAtMillis()));
    events.add(new AttemptStarted(0, 0, 1, model, null));
    int part = 0;
    message
        .tools()
        .forEach(use -> {
          events.add(new ToolCalled(0, 1, use.call(), use.tool(), Json.text(use.input()), null));
          events.add(
              new ToolReturned(
                  0,
                  use.call(),
                  use.output() == null ? null : Json.text(use.output()),
                  use.error()));
        });
    for (int i = 0; i < message.sources().size(); i++) {
      events.add(new SourceUsed(0, 1, i, message.sources().get(i)));
    }
    for (Message.Part each : message.parts()) {
      events.add(new PartStarted(0, 1, part, each.kind()));
      events.add(new PartDelta(0, 1, part, each.text()));
      events.add(new PartEnded(0, 1, part++));
    }
    if (message.usage() != null) {
      events.add(new UsageReported(0, 1, message.usage()));
    }
    events.add(
        new LaneEnded(0, turn.lanes().getFirst().state(), message.finish(), message.error()));
    long endedAt = turn.endedAtMillis() == null ? 0 : turn.endedAtMillis();
    events.add(new TurnEnded(turn.state(), turn.error(), "", endedAt));
    for (int seq = 0; seq < events.size(); seq++) {
      Projection.Then _ = state.apply(seq, events.get(seq), Projection.Out.NOWHERE);
    }
    return state.response();
  }

  private static String hash(String path, byte[] body) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update((path + "\n").getBytes(UTF_8));
      digest.update(body);
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }
}
