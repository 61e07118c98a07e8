package dev.perdure.server.aisdk;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.chat.Branches;
import dev.perdure.chat.Message;
import dev.perdure.chat.Message.Part;
import dev.perdure.chat.Message.Status;
import dev.perdure.chat.Message.ToolUse;
import dev.perdure.chat.Turn;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.http.Exchange;
import dev.perdure.server.http.FrontDoor;
import dev.perdure.server.http.HttpLimits;
import dev.perdure.server.http.KnownLog;
import dev.perdure.server.http.ProjectedStreams;
import dev.perdure.server.http.Projection;
import dev.perdure.server.http.Route;
import dev.perdure.server.http.Text;
import dev.perdure.server.http.Uploads;
import dev.perdure.server.http.WebSocket;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * The routes that {@code DefaultChatTransport} of the AI SDK calls, so that {@code useChat} works
 * with nothing changed but its URL. A refusal is plain text, because the SDK shows the body of one
 * as the error's message. Thread-safe.
 *
 * <pre>
 *   POST /api/chat                answers with the UI message stream of the reply
 *   GET  /api/chat                the same by WebSocketChatTransport, see ChatSocket
 *   GET  /api/chat/CHAT/stream    the same stream from its beginning, or 204
 *   POST /api/chat/CHAT/stop      ends the reply, whoever follows it
 *   GET  /api/chat/CHAT/messages  what a page needs that loads the chat
 * </pre>
 */
public final class AiSdkDoor implements FrontDoor {
  private static final HeaderName UI_MESSAGE_STREAM =
      HeaderNames.create("x-vercel-ai-ui-message-stream");
  private static final HeaderName ATTEMPTS = HeaderNames.create("X-Perdure-Attempts");
  private static final HeaderName PREFERENCE_APPLIED = HeaderNames.create("Preference-Applied");
  private static final HeaderName IDEMPOTENCY_KEY = HeaderNames.create("Idempotency-Key");

  /** The SDK posts the whole history, so its bodies are longer than the native ones. */
  private static final int HISTORY_BODIES = 4;

  private final Chats chats;
  private final Branches branches;
  private final Replies replies;
  private final ProjectedStreams streams;
  private final Uploads uploads;
  private final HttpLimits limits;
  private final RandomGenerator random;

  public AiSdkDoor(FrontDoor.Parts parts) {
    this.chats = new Chats(parts);
    this.replies = new Replies(chats);
    this.branches = parts.branches();
    this.streams = parts.streams();
    this.uploads = parts.uploads();
    this.limits = parts.limits();
    this.random = parts.random();
  }

  @Override
  public String prefix() {
    return "/api/chat";
  }

  @Override
  public List<Route> routes() {
    String one = "/api/chat/{chat}";
    return List.of(
        new Route(Method.POST, "/api/chat", Route.Access.CALLER, this::post),
        new Route(Method.GET, "/api/chat", Route.Access.SOCKET, this::socket),
        new Route(Method.GET, one + "/stream", Route.Access.CALLER, this::resume),
        new Route(Method.POST, one + "/stop", Route.Access.CALLER, this::stop),
        new Route(Method.GET, one + "/messages", Route.Access.CALLER, this::messages));
  }

  @Override
  public void refuse(Exchange exchange, ErrorCode code, String detail) {
    exchange.send(code.status(), "text/plain; charset=utf-8", detail.getBytes(UTF_8));
  }

  private void post(Exchange exchange) throws IOException, InterruptedException {
    UiMessageStream.Attempts attempts = Replies.attempts(exchange.header(ATTEMPTS).orElse(null));
    String key = exchange.header(IDEMPOTENCY_KEY).orElse(null);
    try (ProjectedStreams.Place place = streams.take(exchange)) {
      Accepted accepted =
          uploads.body(
              exchange,
              HISTORY_BODIES * limits.body().bodyBytes(),
              body -> {
                ChatRequest request = ChatRequest.read(body, limits.body());
                return new Accepted(
                    replies.posted(exchange.caller(), request, key, attempts, place),
                    request.last() instanceof ChatRequest.Posted);
              });
      if (accepted.message() && exchange.prefersAsync()) {
        elsewhere(exchange, 202, accepted.reply().turn());
      } else {
        send(exchange, place, accepted.reply());
      }
    }
  }

  /** What is left of a request once it is accepted: not its body, which may hold files. */
  private record Accepted(Replies.Reply reply, boolean message) {}

  private static void send(Exchange exchange, ProjectedStreams.Place place, Replies.Reply reply)
      throws IOException, InterruptedException {
    exchange.header(UI_MESSAGE_STREAM, "v1");
    place.send(reply.turn(), reply.stream());
  }

  /** The same over a WebSocket, for as long as that lasts. */
  private void socket(Exchange exchange) throws IOException, InterruptedException {
    try (ProjectedStreams.Place place = streams.take(exchange);
        WebSocket socket = place.socket(HISTORY_BODIES * limits.body().bodyBytes())) {
      new ChatSocket(replies, streams, limits, random, exchange, socket).run();
    }
    throw new IOException("The WebSocket is over, and with it the connection");
  }

  private void resume(Exchange exchange) throws IOException, InterruptedException {
    UiMessageStream.Attempts attempts = Replies.attempts(exchange.header(ATTEMPTS).orElse(null));
    Optional<Turn> turn = replies.current(exchange.caller(), chat(exchange));
    if (turn.isEmpty()) {
      exchange.sendEmpty(204);
      return;
    }
    if (exchange.prefersAsync()) {
      elsewhere(exchange, 200, turn.get());
      return;
    }
    try (ProjectedStreams.Place place = streams.take(exchange)) {
      send(exchange, place, replies.whole(exchange.caller(), turn.get(), attempts, place));
    }
  }

  /** The chunks of a turn that is followed from its beginning. */
  public static Projection chunks() {
    return new UiMessageStream(UiMessageStream.Attempts.RESET, new KnownLog(false), -1);
  }

  /** Says where the same chunks are read by offset, as the Durable Streams transport does. */
  private void elsewhere(Exchange exchange, int status, Turn turn) {
    String url = streams.address(exchange, "/streams/turns/" + turn.id() + "/ui");
    exchange.header(HeaderNames.LOCATION, url);
    exchange.header(PREFERENCE_APPLIED, "respond-async");
    exchange.sendJson(status, ("{\"streamUrl\":\"" + url + "\"}").getBytes(UTF_8));
  }

  private void stop(Exchange exchange) {
    String session =
        chats
            .session(exchange.caller(), chat(exchange))
            .orElseThrow(() -> PerdureException.notFound("chat", Text.shown(chat(exchange))));
    int stopped = chats.stop(exchange.caller(), session);
    exchange.sendJson(200, ("{\"stopped\":" + stopped + "}").getBytes(UTF_8));
  }

  /** Replies that are not over are left out: the stream brings them. */
  private void messages(Exchange exchange) throws JsonProcessingException {
    ArrayNode out = Json.MAPPER.createArrayNode();
    Optional<String> session = chats.session(exchange.caller(), chat(exchange));
    if (session.isPresent()) {
      Map<String, String> names = branches.names(exchange.caller(), session.get());
      for (Message message : chats.messages(exchange.caller(), session.get())) {
        if (message.status() != Status.PENDING && message.status() != Status.STREAMING) {
          out.add(uiMessage(exchange, message, names.getOrDefault(message.id(), message.id())));
        }
      }
    }
    exchange.sendJson(200, Json.MAPPER.writeValueAsBytes(out));
  }

  private ObjectNode uiMessage(Exchange exchange, Message message, String id) {
    ObjectNode json = Json.MAPPER.createObjectNode();
    json.put("id", id).put("role", message.role().wire());
    ArrayNode parts = json.putArray("parts");
    List<ToolUse> tools = message.tools();
    int told = 0;
    for (int i = 0; i <= message.parts().size(); i++) {
      for (; told < tools.size() && tools.get(told).after() <= i; told++) {
        tool(parts.addObject(), tools.get(told));
      }
      for (Message.Attachment file : message.files()) {
        if (file.after() == i) {
          String url = streams.address(exchange, "/v1/files/" + file.file());
          parts
              .addObject()
              .put("type", "file")
              .put("mediaType", file.mediaType())
              .put("filename", file.name())
              .put("url", url);
        }
      }
      if (i < message.parts().size()) {
        Part part = message.parts().get(i);
        String type =
            switch (part.kind()) {
              case TEXT -> "text";
              case REASONING -> "reasoning";
            };
        parts.addObject().put("type", type).put("text", part.text()).put("state", "done");
      }
    }
    message.sources().forEach(source -> parts.add(UiSources.part(source)));
    json.putObject("metadata")
        .put("session", message.session())
        .put("turn", message.turn())
        .put("createdAt", message.createdAtMillis());
    return json;
  }

  private static void tool(ObjectNode part, ToolUse use) {
    part.put("type", "tool-" + use.tool()).put("toolCallId", use.call());
    part.set("input", use.input());
    if (use.output() != null) {
      part.put("state", "output-available").set("output", use.output());
    } else {
      String text = use.error() == null ? "It was not made." : use.error().text();
      part.put("state", "output-error").put("errorText", text);
    }
  }

  private static String chat(Exchange exchange) {
    return exchange.decoded("chat", ChatRequest.ID_CHARS);
  }
}
