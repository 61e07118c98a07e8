package dev.perdure.server.http;

import dev.perdure.chat.Answer;
import dev.perdure.chat.LaterTurns.When;
import dev.perdure.chat.NewTurn;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Origin;
import dev.perdure.chat.Origin.Spot;
import dev.perdure.chat.Preferences;
import dev.perdure.chat.Session;
import dev.perdure.chat.ToolLimits;
import dev.perdure.chat.TurnRequest;
import dev.perdure.chat.TurnRequest.Output;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.GenerationParams;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.Providers;
import dev.perdure.schedule.Schedule.Said;
import dev.perdure.tool.Tools;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Bodies become records of the desk, checked and within limits. Thread-safe. */
final class Requests {
  /** Longest {@code provider/model}, in characters. */
  static final int MODEL_CHARS = 200;

  /** More than any model can write, so that a typing error is told from a wish. */
  private static final String[] SESSION_FIELDS = {
    "title", "instructions", "metadata", "tools", "output", "toolLimits"
  };

  private static final int MAX_OUTPUT_TOKENS = 10_000_000;

  /** Names of a session's metadata, and the longest value, in UTF-16 code units. */
  private static final int METADATA_ENTRIES = 16;

  private static final int METADATA_CHARS = 512;

  /** Facts about an owner, and the longest one, in UTF-16 code units. */
  private static final int FACTS = 64;

  private static final int FACT_CHARS = 1_000;

  /** Longest name of either, in UTF-16 code units. */
  private static final int NAME_CHARS = 64;

  /** The members that say what is asked, and of whom. */
  static final String[] MESSAGE = {
    "text",
    "parts",
    "models",
    "fallbacks",
    "instructions",
    "recovery",
    "params",
    "tools",
    "toolPolicy",
    "toolLimits",
    "clientTools",
    "output"
  };

  /** The further members of a message that is sent. */
  private static final String[] SENDING = {"whenBusy", "notBefore", "delay", "under", "again"};

  private final Models known;
  private final ToolRequests tools;
  private final HttpLimits.Body limits;

  /**
   * @param tools those of the server
   */
  Requests(Providers providers, Tools tools, HttpLimits.Body limits) {
    this.known = new Models(providers);
    this.tools = new ToolRequests(tools);
    this.limits = limits;
  }

  /**
   * Reads the body of {@code POST /v1/sessions/ID/turns}.
   *
   * @throws PerdureException INVALID_JSON, INVALID_REQUEST, TOO_LARGE, UNKNOWN_MODEL
   */
  Sent turn(byte[] body) {
    String[] names = Arrays.copyOf(MESSAGE, MESSAGE.length + SENDING.length);
    System.arraycopy(SENDING, 0, names, MESSAGE.length, SENDING.length);
    Fields fields = Fields.of(body, names);
    WhenBusy whenBusy = fields.word("whenBusy", WhenBusy.ENQUEUE, WhenBusy::wire);
    Origin origin = new Origin(spot(fields), null, List.of(), null);
    @Nullable When when = WaitRequests.when(fields);
    if (when != null && (whenBusy != WhenBusy.ENQUEUE || !origin.equals(Origin.PLAIN))) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "A message for later is answered behind what is there then. Leave out 'whenBusy', 'under'"
              + " and 'again'.");
    }
    Parts parts = origin.spot() instanceof Spot.Again ? noParts(fields) : Parts.of(fields, limits);
    return new Sent(
        new NewTurn(parts.texts(), parts.files(), request(fields), whenBusy, origin), when);
  }

  /**
   * What was sent.
   *
   * @param when null for now
   */
  record Sent(NewTurn turn, @Nullable When when) {
    Sent with(UnaryOperator<NewTurn> check) {
      return new Sent(check.apply(turn), when);
    }
  }

  /** Reads the members {@link #MESSAGE} of what is said again and again. */
  Said said(Fields fields) {
    Parts parts = Parts.of(fields, limits);
    return new Said(parts.texts(), parts.files(), request(fields));
  }

  private TurnRequest request(Fields fields) {
    List<String> models = fields.texts("models", limits.lanes(), MODEL_CHARS);
    List<String> fallbacks = fields.texts("fallbacks", limits.fallbacks(), MODEL_CHARS);
    if (models.isEmpty()) {
      models = List.of(known.fallback());
    }
    models.forEach(known::checked);
    fallbacks.forEach(known::checked);
    TurnRequest request =
        new TurnRequest(
            models,
            fallbacks,
            instructions(fields),
            params(fields.object("params", "maxOutputTokens", "temperature", "topP")),
            fields.word("recovery", Recovery.RESTART, Recovery::wire),
            tools.allowed(fields),
            tools.askFirst(fields),
            tools.clients(fields),
            OutputRequests.ofMessage(fields),
            tools.limits(fields));
    return request;
  }

  /** Where the message goes; {@code "under": null} is the beginning. */
  private static Spot spot(Fields fields) {
    Optional<String> again = fields.text("again", Exchange.ID_CHARS);
    Optional<String> under = fields.text("under", Exchange.ID_CHARS);
    if (again.isPresent() && fields.mentions("under")) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "A message has either 'under' or 'again'. Send one of them, or neither.");
    }
    if (again.isPresent()) {
      return new Spot.Again(Exchange.checkedId("message", again.get()));
    }
    if (fields.mentions("under")) {
      return new Spot.Under(under.map(id -> Exchange.checkedId("message", id)).orElse(null));
    }
    return new Spot.Newest();
  }

  private static Parts noParts(Fields fields) {
    if (fields.has("text") || fields.has("parts")) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "With 'again' the message is there already. Leave out 'text' and 'parts'.");
    }
    return new Parts(List.of(), List.of());
  }

  private static GenerationParams params(Fields fields) {
    return new GenerationParams(
        fields.integer("maxOutputTokens", 1, MAX_OUTPUT_TOKENS).orElse(null),
        fields.number("temperature", 0, true, 2).orElse(null),
        fields.number("topP", 0, false, 1).orElse(null));
  }

  /** Reads the body of {@code POST /v1/sessions}. */
  Session.Settings session(byte[] body) {
    return change(body).apply(Session.Settings.NONE);
  }

  /** Reads a body of which only the members that are there change a session. */
  UnaryOperator<Session.Settings> change(byte[] body) {
    Fields fields = Fields.of(body, SESSION_FIELDS);
    String title = title(fields);
    String instructions = instructions(fields);
    Map<String, String> metadata =
        fields.map("metadata", METADATA_ENTRIES, NAME_CHARS, METADATA_CHARS);
    List<String> allowed = tools.allowed(fields);
    Output output = OutputRequests.output(fields);
    ToolLimits toolLimits = tools.limits(fields);
    return now ->
        new Session.Settings(
            fields.mentions("title") ? title : now.title(),
            fields.mentions("instructions") ? instructions : now.instructions(),
            fields.mentions("metadata") ? metadata : now.metadata(),
            fields.mentions("tools") ? allowed : now.tools(),
            fields.mentions("output") ? output : now.output(),
            fields.mentions("toolLimits") ? toolLimits : now.toolLimits());
  }

  /** Whether a body changes anything. */
  static boolean changes(byte[] body) {
    Fields fields = Fields.of(body, SESSION_FIELDS);
    return Arrays.stream(SESSION_FIELDS).anyMatch(fields::mentions);
  }

  /** Reads the body of {@code POST /v1/turns/ID/answers}. */
  Answer answer(byte[] body) {
    return tools.answer(body);
  }

  /** Reads the body of {@code PUT /v1/preferences}. */
  Preferences preferences(byte[] body) {
    Fields fields = Fields.of(body, "instructions", "facts");
    return new Preferences(
        instructions(fields), fields.map("facts", FACTS, NAME_CHARS, FACT_CHARS), null);
  }

  private @Nullable String instructions(Fields fields) {
    String instructions = fields.text("instructions", limits.instructionsChars()).orElse("");
    return instructions.isBlank() ? null : instructions;
  }

  private @Nullable String title(Fields fields) {
    String title = fields.text("title", limits.titleChars()).map(String::strip).orElse("");
    return title.isEmpty() ? null : Text.line("title", title);
  }
}
