package dev.perdure.it;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The native API as a stranger would call it. Thread-safe.
 *
 * <p>Methods that return a value expect success and say what came instead; {@link #get} and {@link
 * #post} return whatever came.
 */
final class Api {
  static final ObjectMapper JSON = new ObjectMapper();

  /** No request of these tests may take longer. */
  private static final Duration TIMEOUT = Duration.ofSeconds(60);

  // One for all: each instance holds a thread and a selector until it is collected.
  private static final HttpClient CLIENT = client();

  private final String url;

  Api(String url) {
    this.url = url;
  }

  private static HttpClient client() {
    return HttpClient.newBuilder()
        .version(HttpClient.Version.HTTP_1_1)
        .connectTimeout(Duration.ofSeconds(10))
        .build();
  }

  /** An answer, whatever its status. */
  record Answer(int status, java.net.http.HttpHeaders headers, String body) {
    JsonNode json() {
      return read(body);
    }

    /** Fails unless the status is this one. */
    Answer expect(int expected) {
      if (status != expected) {
        throw new AssertionError("Expected " + expected + " but got " + status + ": " + body);
      }
      return this;
    }
  }

  static JsonNode read(String json) {
    try {
      return JSON.readTree(json);
    } catch (JsonProcessingException e) {
      throw new AssertionError("Not JSON: " + json, e);
    }
  }

  Answer get(String path, String... headers) {
    return send("GET", path, null, headers);
  }

  Answer post(String path, @Nullable String body, String... headers) {
    return send("POST", path, body, headers);
  }

  Answer send(String method, String path, @Nullable String body, String... headers) {
    try {
      HttpResponse<String> answer =
          CLIENT.send(request(method, path, body, headers).build(), BodyHandlers.ofString());
      return new Answer(answer.statusCode(), answer.headers(), answer.body());
    } catch (IOException e) {
      throw new Unreachable(method + " " + url + path, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  private HttpRequest.Builder request(
      String method, String path, @Nullable String body, String... headers) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(url + path))
            .timeout(TIMEOUT)
            .method(
                method,
                body == null
                    ? HttpRequest.BodyPublishers.noBody()
                    : HttpRequest.BodyPublishers.ofString(body));
    if (body != null && !List.of(headers).contains("Content-Type")) {
      request.header("Content-Type", "application/json");
    }
    for (int i = 0; i < headers.length; i += 2) {
      request.header(headers[i], headers[i + 1]);
    }
    return request;
  }

  /** The server did not answer: it is not there, or it went away in the middle. */
  static final class Unreachable extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Unreachable(String message, IOException cause) {
      super(message, cause);
    }
  }

  String createSession() {
    return post("/v1/sessions", "{}").expect(201).json().required("id").textValue();
  }

  /** Sends a text to the default model or to these, and returns the id of the turn. */
  String submit(String session, String text, String... models) {
    return turnOf(submitRaw(session, body(text, models)));
  }

  Answer submitRaw(String session, ObjectNode body, String... headers) {
    return post("/v1/sessions/" + session + "/turns", body.toString(), headers);
  }

  static String turnOf(Answer answer) {
    return answer.expect(202).json().required("turn").textValue();
  }

  static ObjectNode body(String text, String... models) {
    ObjectNode body = JSON.createObjectNode().put("text", text);
    if (models.length > 0) {
      for (String model : models) {
        body.withArray("models").add(model);
      }
    }
    return body;
  }

  /** The status of a turn, with the text so far. */
  JsonNode turn(String turn) {
    return get("/v1/turns/" + turn).expect(200).json();
  }

  String state(String turn) {
    return turn(turn).required("state").textValue();
  }

  /** Asks for the end of a turn. */
  void cancel(String turn) {
    accepted("/v1/turns/" + turn + "/cancel");
  }

  /** A request to change something: 202, or 200 where nothing is left to do. */
  void accepted(String path) {
    Answer answer = post(path, "{}");
    if (answer.status() != 200) {
      answer.expect(202);
    }
  }

  /** The messages of a session, oldest first. */
  List<JsonNode> messages(String session) {
    List<JsonNode> messages = new ArrayList<>();
    JsonNode page = get("/v1/sessions/" + session + "/messages?limit=200").expect(200).json();
    page.required("items").forEach(messages::addFirst);
    return messages;
  }

  /** The reply to a turn of one lane as it is stored. */
  JsonNode reply(String session, String turn) {
    return messages(session).stream()
        .filter(m -> m.path("turn").asText().equals(turn))
        .filter(m -> m.path("role").asText().equals("assistant"))
        .findFirst()
        .orElseThrow(() -> new AssertionError("No reply of " + turn + " in " + session));
  }

  /** The text of a message: its text parts, joined. */
  static String text(JsonNode message) {
    StringBuilder text = new StringBuilder();
    for (JsonNode part : message.required("parts")) {
      if (part.path("type").asText().equals("text")) {
        text.append(part.path("text").asText());
      }
    }
    return text.toString();
  }

  /** Follows a turn from its start to its end on this server. */
  Transcript follow(String turn) {
    Transcript transcript = new Transcript();
    read(turn, transcript, event -> false);
    return transcript;
  }

  /**
   * Reads events into the transcript, from behind its last one, until one fulfils the condition.
   */
  void read(String turn, Transcript into, Predicate<Transcript.Event> last) {
    frames(
        "/v1/turns/" + turn + "/events",
        into.lastSeq() < 0 ? null : Long.toString(into.lastSeq()),
        frame -> {
          if ("notice".equals(frame.event())) {
            return into.notice(frame);
          }
          Transcript.Event event = into.add(frame);
          return last.test(event) || event.type().equals("turn.ended");
        });
  }

  /** The same to the end of the turn, over as many connections as it takes. */
  Transcript followThrough(String turn, Transcript into) {
    Await.until(
        "the end of " + turn,
        () -> {
          try {
            read(turn, into, event -> false);
          } catch (Unreachable e) {
            // Cut; what has come is kept.
          }
          return into.ended() ? into : null;
        });
    return into;
  }

  /** One server-sent event. */
  record Frame(@Nullable String id, @Nullable String event, String data) {}

  /**
   * Reads an event stream until its end or until the consumer says so; then cuts the connection.
   * Returns whether the consumer said so. What the server says about the moment is left out.
   */
  boolean stream(String path, @Nullable String lastEventId, Predicate<Frame> done) {
    return frames(path, lastEventId, frame -> !"notice".equals(frame.event()) && done.test(frame));
  }

  private boolean frames(String path, @Nullable String lastEventId, Predicate<Frame> done) {
    HttpRequest.Builder request = request("GET", path, null, "Accept", "text/event-stream");
    if (lastEventId != null) {
      request.header("Last-Event-ID", lastEventId);
    }
    // A client of its own: one that stops reading at the very end of a stream closes the connection
    // also when the next request has it already.
    try (HttpClient client = client()) {
      HttpResponse<InputStream> answer = client.send(request.build(), BodyHandlers.ofInputStream());
      try (InputStream in = answer.body()) {
        if (answer.statusCode() != 200) {
          String body = new String(in.readAllBytes(), StandardCharsets.UTF_8);
          throw new AssertionError(path + " gave " + answer.statusCode() + ": " + body);
        }
        return Frames.read(in, done);
      }
    } catch (IOException e) {
      throw new Unreachable("GET " + url + path, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  /** Waits until a turn has ended and returns its state. */
  String awaitEnd(String turn) {
    return Await.until(
        "the end of " + turn,
        () -> {
          String state = state(turn);
          return state.equals("completed") || state.equals("failed") || state.equals("cancelled")
              ? state
              : null;
        });
  }

  /** Waits until a turn's first lane has at least this much text. */
  void awaitText(String turn, int chars) {
    Await.until(
        chars + " characters of " + turn,
        () -> turn(turn).path("lanes").path(0).path("text").asText().length() >= chars ? "" : null);
  }
}
