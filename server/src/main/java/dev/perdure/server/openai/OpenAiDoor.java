package dev.perdure.server.openai;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.chat.Turn;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.http.Exchange;
import dev.perdure.server.http.FrontDoor;
import dev.perdure.server.http.HttpLimits;
import dev.perdure.server.http.ProjectedStreams;
import dev.perdure.server.http.Projection;
import dev.perdure.server.http.Route;
import dev.perdure.server.http.Text;
import dev.perdure.server.http.Uploads;
import dev.perdure.server.openai.Responses.Asked;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import java.io.IOException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.function.BiFunction;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * The routes that the OpenAI clients call below their base URL {@code /openai/v1}. Thread-safe.
 *
 * <pre>
 *   POST   /responses                    a response, waited for, streamed or in the background
 *   GET    /responses/ID                 as it stands, or its stream, from anywhere on
 *   POST   /responses/ID/cancel
 *   DELETE /responses/ID
 *   GET    /responses/ID/input_items
 *   POST   /conversations, and below     sessions, and what is said in them
 *   POST   /chat/completions             a response behind it, whose path is in Location
 *   GET    /models, /models/ID
 * </pre>
 */
public final class OpenAiDoor implements FrontDoor {
  private static final String BASE = "/openai/v1";
  private static final HeaderName REQUEST_ID = HeaderNames.create("x-request-id");

  /** How long a request that wants the whole answer waits; the clients themselves wait as long. */
  private static final Duration WHOLE_ANSWER = Duration.ofMinutes(10);

  /** How long the end of a turn may take to be read here, wherever it was written. */
  private static final Duration END_VISIBLE = Duration.ofSeconds(10);

  private static final String WAITING =
      "The reply waits for a time to come, which chat completions cannot say. It goes on then; its"
          + " response is at the path in 'Location'.";

  private static final int MAX_ITEMS = 100;
  private static final int DEFAULT_ITEMS = 20;

  /** Clients without a memory on the server send the whole conversation each time. */
  private static final int HISTORY_BODIES = 4;

  private final Responses responses;
  private final ConversationRoutes talks;
  private final ProjectedStreams streams;
  private final Uploads uploads;
  private final HttpLimits limits;
  private final RandomGenerator random;

  public OpenAiDoor(FrontDoor.Parts parts) {
    this.responses = new Responses(parts);
    this.talks = new ConversationRoutes(parts, responses);
    this.streams = parts.streams();
    this.uploads = parts.uploads();
    this.limits = parts.limits();
    this.random = parts.random();
  }

  @Override
  public String prefix() {
    return BASE + "/";
  }

  @Override
  public List<Route> routes() {
    String one = BASE + "/responses/{response}";
    String all = BASE + "/conversations";
    String within = all + "/{conversation}";
    return List.of(
        route(Method.POST, all, talks::create),
        route(Method.GET, within, talks::retrieve),
        route(Method.POST, within, talks::update),
        route(Method.DELETE, within, talks::delete),
        route(Method.GET, within + "/items", talks::list),
        route(Method.POST, within + "/items", talks::add),
        route(Method.GET, within + "/items/{item}", talks::item),
        route(Method.POST, BASE + "/responses", this::create),
        route(Method.GET, one, this::retrieve),
        route(Method.DELETE, one, this::delete),
        route(Method.POST, one + "/cancel", this::cancel),
        route(Method.GET, one + "/input_items", this::inputItems),
        route(Method.POST, BASE + "/chat/completions", this::complete),
        route(Method.GET, BASE + "/models", this::models),
        route(Method.GET, BASE + "/models/{model}", this::model));
  }

  private Route route(Method method, String path, Route.Handler handler) {
    return new Route(
        method,
        path,
        Route.Access.CALLER,
        exchange -> {
          exchange.header(REQUEST_ID, requestId());
          try {
            handler.handle(exchange);
          } catch (Refusal refusal) {
            throw refusal.known();
          }
        });
  }

  private String requestId() {
    return "req_" + HexFormat.of().toHexDigits(random.nextLong());
  }

  @Override
  public void refuse(Exchange exchange, ErrorCode code, String detail) {
    exchange.header(REQUEST_ID, requestId());
    OpenAiErrors.send(exchange, code, detail);
  }

  @Override
  public void refuse(Exchange exchange, PerdureException e) {
    if (e.getCause() instanceof Refusal refusal) {
      OpenAiErrors.send(exchange, refusal);
    } else {
      FrontDoor.super.refuse(exchange, e);
    }
  }

  /** What is left of a request once it is accepted: not its body, which may hold files. */
  private record Accepted(Asked asked, boolean stream, boolean background, boolean usageChunk) {}

  private Accepted accept(
      Exchange exchange,
      ProjectedStreams.Place place,
      BiFunction<byte[], HttpLimits.Body, OpenAiRequest> reader)
      throws IOException, InterruptedException {
    return uploads.body(
        exchange,
        HISTORY_BODIES * limits.body().bodyBytes(),
        body -> {
          OpenAiRequest request = reader.apply(body, limits.body());
          return new Accepted(
              responses.accept(exchange, place, request, body),
              request.stream(),
              request.background(),
              request.usageChunk());
        });
  }

  private void create(Exchange exchange) throws IOException, InterruptedException {
    try (ProjectedStreams.Place place = streams.take(exchange)) {
      Accepted request = accept(exchange, place, OpenAiRequest::response);
      Asked asked = request.asked();
      ResponseNote note = responses.note(exchange.caller(), asked.turn());
      if (request.stream()) {
        place.send(asked.turn(), new ResponseStream(note, asked.from(), -1));
        return;
      }
      Duration wait = request.background() ? Duration.ZERO : WHOLE_ANSWER;
      ResponseStream state = new ResponseStream(note, asked.from(), Long.MAX_VALUE);
      boolean ended = read(place, asked.turn(), wait, state);
      requireWhole(ended || pauses(state) || request.background());
      send(exchange, state.response());
    }
  }

  /** Half an answer must not be taken for a whole one, so there is none: the client asks again. */
  private static void requireWhole(boolean whole) {
    if (!whole) {
      throw new PerdureException(
          ErrorCode.DRAINING,
          "The answer is not complete yet, and this server cannot wait for it any longer. Try"
              + " again.");
    }
  }

  /** Whether the reply waits for a time that comes later than anybody waits for an answer. */
  private static boolean pauses(ResponseStream state) {
    return !state.over() && state.pauseMillis() > WHOLE_ANSWER.toMillis();
  }

  private static boolean read(
      ProjectedStreams.Place place, Turn turn, Duration wait, ResponseStream state)
      throws InterruptedException {
    boolean ended =
        place.read(
            turn,
            wait,
            () -> state.over() || pauses(state),
            (seq, event) -> {
              Projection.Then _ = state.apply(seq, event, Projection.Out.NOWHERE);
            });
    return ended || state.over();
  }

  private void retrieve(Exchange exchange) throws IOException, InterruptedException {
    boolean stream = exchange.query("stream").orElse("false").equals("true");
    long after = exchange.queryNumber("starting_after", 0, Long.MAX_VALUE).orElse(-1L);
    try (ProjectedStreams.Place place = streams.take(exchange)) {
      Asked asked = responses.asked(exchange, place);
      ResponseNote note = responses.note(exchange.caller(), asked.turn());
      if (stream) {
        place.send(asked.turn(), new ResponseStream(note, asked.from(), after));
      } else {
        send(exchange, current(exchange, place, asked, note));
      }
    }
  }

  private void delete(Exchange exchange) throws InterruptedException {
    try (ProjectedStreams.Place place = streams.take(exchange)) {
      Asked asked = responses.asked(exchange, place);
      responses.delete(exchange.caller(), asked);
      ObjectNode json = Json.MAPPER.createObjectNode().put("id", asked.id());
      send(exchange, json.put("object", "response").put("deleted", true));
    }
  }

  private ObjectNode current(
      Exchange exchange, ProjectedStreams.Place place, Asked asked, ResponseNote note)
      throws InterruptedException {
    Turn turn = asked.turn();
    if (turn.logExpired()) {
      return responses.stored(exchange.caller(), turn, note);
    }
    ResponseStream state = new ResponseStream(note, asked.from(), Long.MAX_VALUE);
    boolean over = turn.state().terminal();
    boolean ended = read(place, turn, over ? END_VISIBLE : Duration.ZERO, state);
    requireWhole(ended || !over);
    return state.response();
  }

  private void cancel(Exchange exchange) throws InterruptedException {
    try (ProjectedStreams.Place place = streams.take(exchange)) {
      Asked asked = responses.cancel(exchange.caller(), responses.asked(exchange, place));
      Turn turn = asked.turn();
      ResponseNote note = responses.note(exchange.caller(), turn);
      if (turn.logExpired()) {
        send(exchange, responses.stored(exchange.caller(), turn, note));
        return;
      }
      ResponseStream state = new ResponseStream(note, asked.from(), Long.MAX_VALUE);
      boolean _ = read(place, turn, END_VISIBLE, state);
      send(exchange, state.response());
    }
  }

  private void inputItems(Exchange exchange) throws InterruptedException {
    Turn turn;
    try (ProjectedStreams.Place place = streams.take(exchange)) {
      turn = responses.asked(exchange, place).turn();
    }
    page(exchange, responses.inputItems(exchange.caller(), turn));
  }

  /** Answers with the part of a list that the query asks for. */
  static void page(Exchange exchange, List<ObjectNode> all) {
    int limit = exchange.queryNumber("limit", 1, MAX_ITEMS).orElse((long) DEFAULT_ITEMS).intValue();
    String order = exchange.query("order").orElse("desc");
    List<ObjectNode> items =
        switch (order) {
          case "asc" -> all;
          case "desc" -> all.reversed();
          default -> throw Refusal.invalid("order", "'order' must be 'asc' or 'desc'.");
        };
    @Nullable String after = exchange.query("after").orElse(null);
    int from = after == null ? 0 : behind(items, after);
    List<ObjectNode> page = items.subList(from, Math.min(items.size(), from + limit));
    send(exchange, pageOf(page, from + page.size() < items.size()));
  }

  private static int behind(List<ObjectNode> items, String id) {
    for (int i = 0; i < items.size(); i++) {
      if (items.get(i).path("id").textValue().equals(id)) {
        return i + 1;
      }
    }
    throw Refusal.invalid("after", "There is no item '" + Text.shown(id) + "' in this list.");
  }

  static ObjectNode pageOf(List<ObjectNode> page, boolean more) {
    ObjectNode json = list(page);
    json.put("first_id", page.isEmpty() ? null : page.getFirst().path("id").textValue());
    json.put("last_id", page.isEmpty() ? null : page.getLast().path("id").textValue());
    return json.put("has_more", more);
  }

  private void complete(Exchange exchange) throws IOException, InterruptedException {
    try (ProjectedStreams.Place place = streams.take(exchange)) {
      Accepted request = accept(exchange, place, OpenAiRequest::completion);
      Asked asked = request.asked();
      ResponseNote note = responses.note(exchange.caller(), asked.turn());
      exchange.header(HeaderNames.LOCATION, BASE + "/responses/" + asked.id());
      if (request.stream()) {
        place.send(asked.turn(), new CompletionStream(note, asked.from(), request.usageChunk()));
        return;
      }
      ResponseStream state = new ResponseStream(note, asked.from(), Long.MAX_VALUE);
      boolean ended = read(place, asked.turn(), WHOLE_ANSWER, state);
      if (pauses(state)) {
        throw new Refusal(409, "waiting", null, WAITING);
      }
      requireWhole(ended);
      JsonNode response = state.response();
      if (CompletionStream.needsApproval(response)) {
        JsonNode error = OpenAiErrors.of(response);
        throw new Refusal(409, error.path("code").asText(), null, error.path("message").asText());
      }
      switch (response.path("status").textValue()) {
        case "completed", "incomplete" -> send(exchange, CompletionStream.whole(state));
        default -> {
          JsonNode error = OpenAiErrors.of(response);
          // It was tried again as often as it is worth.
          throw new Refusal(502, error.path("code").asText(), null, error.path("message").asText());
        }
      }
    }
  }

  private void models(Exchange exchange) {
    send(exchange, list(responses.offeredModels().stream().map(OpenAiDoor::modelOf).toList()));
  }

  private void model(Exchange exchange) {
    String name = exchange.decoded("model", 200);
    try {
      send(exchange, modelOf(responses.model(name)));
    } catch (PerdureException e) {
      throw e.code() == ErrorCode.UNKNOWN_MODEL
          ? new Refusal(404, "model_not_found", "model", String.valueOf(e.getMessage()))
          : e;
    }
  }

  private static ObjectNode modelOf(String id) {
    ObjectNode json = Json.MAPPER.createObjectNode();
    json.put("id", id).put("object", "model").put("created", 0);
    return json.put("owned_by", id.substring(0, id.indexOf('/')));
  }

  private static ObjectNode list(List<ObjectNode> items) {
    ObjectNode json = Json.MAPPER.createObjectNode().put("object", "list");
    ArrayNode data = json.putArray("data");
    items.forEach(data::add);
    return json;
  }

  static void send(Exchange exchange, JsonNode json) {
    exchange.sendJson(200, Json.text(json).getBytes(UTF_8));
  }
}
