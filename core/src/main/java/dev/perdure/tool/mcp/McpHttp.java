package dev.perdure.tool.mcp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.http.HttpCall;
import dev.perdure.provider.http.SseParser;
import dev.perdure.provider.http.Transport;
import dev.perdure.tool.http.AddressPolicy.ForbiddenAddressException;
import dev.perdure.tool.http.SecretHeaders;
import dev.perdure.tool.mcp.McpException.Kind;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * MCP over streamable HTTP: each message is a POST, whose answer is JSON or a stream of events that
 * holds the answer. HTTP/1.1, a connection for each message, no redirects. Thread-safe.
 */
final class McpHttp implements McpChannel {
  private static final Duration CONNECT = Duration.ofSeconds(10);
  private static final Duration REPLY = Duration.ofSeconds(5);
  private static final int ERROR_BYTES = 4 * 1024;

  /** Requests of a server within one answer that are replied to. */
  private static final int MAX_REPLIES = 32;

  private final URI uri;
  private final SecretHeaders headers;
  private final Transport transport;
  private final Listener listener;
  private final AtomicLong ids = new AtomicLong();
  private volatile @Nullable String session;
  private volatile @Nullable String version;

  McpHttp(URI uri, SecretHeaders headers, Transport transport, Listener listener) {
    this.uri = uri;
    this.headers = headers;
    this.transport = transport;
    this.listener = listener;
  }

  @Override
  public void speaks(String newVersion) {
    version = newVersion;
  }

  @Override
  public JsonNode request(String method, ObjectNode params, Duration limit)
      throws McpException, InterruptedException {
    long id = ids.incrementAndGet();
    try (HttpCall call = new HttpCall(transport, uri)) {
      SecretHeaders.Filled secrets = send(call, McpMessages.request(id, method, params), limit);
      @Nullable JsonNode answer = answer(call, id);
      if (answer == null) {
        throw new McpException(Kind.UNKNOWN, "It ended its answer without one.");
      }
      if (method.equals("initialize")) {
        session = call.header("mcp-session-id");
      }
      return masked(answer, secrets);
    }
  }

  private static JsonNode masked(JsonNode answer, SecretHeaders.Filled secrets)
      throws McpException {
    String text = secrets.maskIn(answer.toString());
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    @Nullable JsonNode out = McpMessages.read(bytes, bytes.length);
    return McpMessages.result(out == null ? answer : out);
  }

  @Override
  public void notify(String method, ObjectNode params, Duration limit)
      throws McpException, InterruptedException {
    post(McpMessages.notification(method, params), limit);
  }

  private void post(ObjectNode message, Duration limit) throws McpException, InterruptedException {
    try (HttpCall call = new HttpCall(transport, uri)) {
      send(call, message, limit);
    }
  }

  /** Sends a message; returns when the head of a good answer is there. */
  private SecretHeaders.Filled send(HttpCall call, ObjectNode message, Duration limit)
      throws McpException, InterruptedException {
    SecretHeaders.Filled filled;
    int status;
    try {
      filled = headers.fill();
    } catch (IOException e) {
      throw new McpException(Kind.UNREACHABLE, String.valueOf(e.getMessage()));
    }
    Duration connect = CONNECT.compareTo(limit) < 0 ? CONNECT : limit;
    try {
      Map<String, String> lines = lines(filled);
      status = call.send("POST", lines, McpMessages.bytes(message), connect, limit);
    } catch (IOException e) {
      throw broken(call, limit, e);
    }
    if (status == 404 && session != null) {
      throw new McpException(Kind.SESSION_LOST, "It has forgotten this client.");
    }
    if (status < 200 || status >= 300) {
      throw new McpException(
          status >= 500
              ? Kind.UNKNOWN
              : status >= 300 && status < 400 ? Kind.UNREACHABLE : Kind.REFUSED,
          "It answered with status " + status + filled.maskIn(said(call)));
    }
    return filled;
  }

  private Map<String, String> lines(SecretHeaders.Filled filled) {
    Map<String, String> lines = new LinkedHashMap<>();
    lines.put("Accept", "application/json, text/event-stream");
    lines.put("Content-Type", "application/json");
    @Nullable String spoken = version;
    if (spoken != null) {
      lines.put("MCP-Protocol-Version", spoken);
    }
    @Nullable String given = session;
    if (given != null) {
      lines.put("Mcp-Session-Id", given);
    }
    lines.putAll(filled.headers());
    return lines;
  }

  private static String said(HttpCall call) {
    try {
      String text = new String(call.body(ERROR_BYTES), StandardCharsets.UTF_8).strip();
      return text.isEmpty() ? "." : ": " + McpMessages.shortened(text);
    } catch (IOException e) {
      return ".";
    }
  }

  private static McpException broken(HttpCall call, Duration limit, IOException e)
      throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    if (!call.sent()) {
      return new McpException(
          Kind.UNREACHABLE,
          e instanceof ForbiddenAddressException
              ? String.valueOf(e.getMessage())
              : "It cannot be reached.");
    }
    return new McpException(
        Kind.UNKNOWN,
        call.expired()
            ? "It did not answer within " + limit.toMillis() + " ms."
            : "It broke off without an answer.");
  }

  private @Nullable JsonNode answer(HttpCall call, long id)
      throws McpException, InterruptedException {
    String type = String.valueOf(call.header("content-type")).toLowerCase(Locale.ROOT);
    try {
      if (!type.startsWith("text/event-stream")) {
        byte[] body = call.body(MAX_MESSAGE_BYTES);
        @Nullable JsonNode message = McpMessages.read(body, body.length);
        return message != null && McpMessages.answers(message, id) ? message : null;
      }
      Events events = new Events(id);
      SseParser parser =
          new SseParser(
              (name, data, length) -> events.take(McpMessages.read(data, length)),
              MAX_MESSAGE_BYTES);
      while (events.found == null && call.feed(parser)) {
        // Until the answer is there.
      }
      return events.found;
    } catch (HttpCall.TooLargeException e) {
      throw new McpException(Kind.UNKNOWN, tooLarge());
    } catch (ProviderException e) {
      throw new McpException(Kind.UNKNOWN, tooLarge());
    } catch (IOException e) {
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
      throw new McpException(
          Kind.UNKNOWN,
          call.expired() ? "It did not answer in time." : "It broke off in mid-answer.");
    }
  }

  /** The messages in one answer. For one thread. */
  private final class Events {
    private final long id;
    private int replies;
    private @Nullable JsonNode found;

    Events(long id) {
      this.id = id;
    }

    void take(@Nullable JsonNode message) {
      if (message == null) {
        return;
      }
      if (McpMessages.answers(message, id)) {
        found = message;
        return;
      }
      if (message.path("method").asText().equals(TOOLS_CHANGED)) {
        listener.toolsChanged();
      }
      @Nullable ObjectNode reply = McpMessages.reply(message);
      if (reply != null && ++replies <= MAX_REPLIES) {
        // Beside the answer, which may wait for it.
        Thread.ofVirtual().name("mcp-reply").start(() -> sendReply(reply));
      }
    }
  }

  private void sendReply(ObjectNode reply) {
    try {
      post(reply, REPLY);
    } catch (McpException | InterruptedException e) {
      // It is the server that waits for it.
    }
  }

  private static String tooLarge() {
    return "It answered with more than " + MAX_MESSAGE_BYTES + " bytes.";
  }

  @Override
  public void close() {
    // There is no connection to close; the server forgets the session by itself.
  }
}
