package dev.perdure.terminal;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The requests that the terminal client makes, as {@code protocol/PROTOCOL.md} defines them.
 *
 * <p>It uses {@link HttpURLConnection} because its read timeout covers silence in the middle of a
 * body, which the newer client of the JDK has no setting for: a server that has vanished without a
 * word is noticed after {@link #SILENCE}. Thread-safe, without state.
 */
final class ChatServer {
  private static final int CONNECT_MILLIS = 5_000;

  /** Twice a server's usual pause between heartbeats, and more than the longest it may have. */
  static final Duration SILENCE = Duration.ofSeconds(30);

  private static final int MAX_ANSWER_BYTES = 64 * 1024 * 1024;

  private final String url;
  private final @Nullable String apiKey;
  private final Duration silence;

  /**
   * @param silence how long nothing at all may come before the connection counts as dead
   */
  ChatServer(String url, @Nullable String apiKey, Duration silence) {
    this.url = url;
    this.apiKey = apiKey;
    this.silence = silence;
  }

  String url() {
    return url;
  }

  /** Opens a session and returns its id. */
  String createSession() throws IOException, RefusedException {
    return required(call("POST", "/v1/sessions", Json.MAPPER.createObjectNode(), null), "id");
  }

  /** Fails unless the session is known to the caller. */
  void checkSession(String session) throws IOException, RefusedException {
    call("GET", "/v1/sessions/" + encode(session), null, null);
  }

  /** Sends a message and returns the id of its turn. Repeating the key does not repeat the turn. */
  String submit(String session, String text, List<String> models, String key)
      throws IOException, RefusedException {
    ObjectNode body = Json.MAPPER.createObjectNode().put("text", text);
    if (!models.isEmpty()) {
      models.forEach(body.putArray("models")::add);
    }
    return required(call("POST", "/v1/sessions/" + encode(session) + "/turns", body, key), "turn");
  }

  void cancel(String turn) throws IOException, RefusedException {
    call("POST", "/v1/turns/" + encode(turn) + "/cancel", Json.MAPPER.createObjectNode(), null);
  }

  /** Decides about a call of a tool that waits. */
  void answer(String turn, JsonNode answer) throws IOException, RefusedException {
    call("POST", "/v1/turns/" + encode(turn) + "/answers", answer, null);
  }

  /** The newest messages of a session, newest first. */
  JsonNode messages(String session) throws IOException, RefusedException {
    return call("GET", "/v1/sessions/" + encode(session) + "/messages", null, null).path("items");
  }

  /** A live event stream; closing it cuts the connection. */
  record Events(HttpURLConnection connection, SseReader reader) implements AutoCloseable {
    @Override
    public void close() {
      connection.disconnect();
    }
  }

  /** Follows a turn from the event behind {@code after}. */
  Events events(String turn, long after) throws IOException, RefusedException {
    HttpURLConnection connection = open("GET", "/v1/turns/" + encode(turn) + "/events");
    connection.setRequestProperty("Accept", "text/event-stream");
    if (after >= 0) {
      connection.setRequestProperty("Last-Event-ID", Long.toString(after));
    }
    boolean usable = false;
    try {
      int status = connection.getResponseCode();
      if (status != 200) {
        throw refusal(connection, status);
      }
      String type = connection.getContentType();
      if (type == null || !type.toLowerCase(Locale.ROOT).startsWith("text/event-stream")) {
        throw new RefusedException(status, url + " does not answer as a Perdure server does.");
      }
      usable = true;
      return new Events(connection, new SseReader(connection.getInputStream()));
    } finally {
      if (!usable) {
        connection.disconnect();
      }
    }
  }

  private JsonNode call(String method, String path, @Nullable JsonNode body, @Nullable String key)
      throws IOException, RefusedException {
    HttpURLConnection connection = open(method, path);
    connection.setRequestProperty("Accept", "application/json");
    if (key != null) {
      connection.setRequestProperty("Idempotency-Key", key);
    }
    if (body != null) {
      byte[] bytes = Json.text(body).getBytes(StandardCharsets.UTF_8);
      connection.setRequestProperty("Content-Type", "application/json");
      connection.setDoOutput(true);
      connection.setFixedLengthStreamingMode(bytes.length);
      try (OutputStream out = connection.getOutputStream()) {
        out.write(bytes);
      }
    }
    int status = connection.getResponseCode();
    if (status < 200 || status > 299) {
      throw refusal(connection, status);
    }
    try (InputStream in = connection.getInputStream()) {
      return Json.MAPPER.readTree(in.readNBytes(MAX_ANSWER_BYTES));
    }
  }

  private HttpURLConnection open(String method, String path) throws IOException {
    HttpURLConnection connection =
        (HttpURLConnection) URI.create(url + path).toURL().openConnection();
    connection.setRequestMethod(method);
    connection.setConnectTimeout(CONNECT_MILLIS);
    connection.setReadTimeout(Math.toIntExact(silence.toMillis()));
    // A redirect would carry the key to somebody else.
    connection.setInstanceFollowRedirects(false);
    connection.setUseCaches(false);
    if (apiKey != null) {
      connection.setRequestProperty("Authorization", "Bearer " + apiKey);
    }
    return connection;
  }

  private RefusedException refusal(HttpURLConnection connection, int status) throws IOException {
    String detail = "";
    try (InputStream in = connection.getErrorStream()) {
      if (in != null) {
        JsonNode problem = Json.MAPPER.readTree(in.readNBytes(MAX_ANSWER_BYTES));
        detail = problem == null ? "" : problem.path("detail").asText("");
      }
    } catch (com.fasterxml.jackson.core.JacksonException e) {
      detail = ""; // not a problem document; the status has to do
    }
    String text =
        detail.isEmpty() ? url + " answered with status " + status + "." : Printable.line(detail);
    if (status == 401) {
      text += " Set PERDURE_API_KEY to a key of that server.";
    }
    return new RefusedException(status, text);
  }

  private String required(JsonNode answer, String member) throws RefusedException {
    JsonNode value = answer.path(member);
    if (!value.isTextual()) {
      throw new RefusedException(200, url + " does not answer as a Perdure server does.");
    }
    return value.textValue();
  }

  private static String encode(String segment) {
    return URLEncoder.encode(segment, StandardCharsets.UTF_8);
  }
}
