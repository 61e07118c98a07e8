package dev.perdure.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A user of the native API: one session, one message, one or more followers of the reply. */
final class TurnUser implements User {
  private static final String ACCEPT_STREAM = "Accept: text/event-stream\r\n";
  private static final int SHOWN_CHARS = 200;

  private final Phase phase;
  private final List<LogCheck> checks = new ArrayList<>();
  private final List<HttpConnection> connections = new ArrayList<>();
  private String session = "";
  private String turn = "";
  private long askedNanos;
  private int open;
  private boolean failed;

  TurnUser(Phase phase) {
    this.phase = phase;
  }

  @Override
  public void prepare() {
    ready(
        "POST",
        "/v1/sessions",
        "{}",
        201,
        body -> {
          session = body.path("id").asText();
          phase.counts().ready++;
        },
        () -> phase.counts().ready++);
  }

  @Override
  public void ask() {
    askedNanos = System.nanoTime();
    ObjectNode message = Json.MAPPER.createObjectNode();
    message.put("text", phase.prompt());
    message.putArray("models").add(phase.model());
    ready(
        "POST",
        "/v1/sessions/" + session + "/turns",
        Json.text(message),
        202,
        body -> {
          phase.tally().ack.add((System.nanoTime() - askedNanos) / 1000);
          phase.counts().accepted++;
          turn = body.path("turn").asText();
          follow();
        },
        () -> phase.counts().ended++);
  }

  /** Takes a whole JSON answer. */
  @FunctionalInterface
  private interface Answer {
    void json(JsonNode body);
  }

  /** Sends a request on the first connection and expects that status. */
  private void ready(
      String method,
      String path,
      @Nullable String body,
      int expected,
      Answer answer,
      Runnable otherwise) {
    try {
      connection(0)
          .send(
              method,
              path,
              "",
              body == null ? null : body.getBytes(StandardCharsets.UTF_8),
              new Whole(
                  (status, bytes) -> {
                    if (status == expected) {
                      answer.json(json(bytes));
                    } else {
                      fail(method + " answered " + status + ": " + shown(bytes));
                      otherwise.run();
                    }
                  },
                  why -> {
                    fail(method + " failed: " + why);
                    otherwise.run();
                  }));
    } catch (IOException e) {
      fail(method + " failed: " + e);
      otherwise.run();
    }
  }

  private static JsonNode json(byte[] bytes) {
    try {
      return Json.MAPPER.readTree(bytes);
    } catch (IOException e) {
      throw new IllegalStateException("The server sent what is not JSON: " + shown(bytes), e);
    }
  }

  private static String shown(byte[] bytes) {
    String text = new String(bytes, StandardCharsets.UTF_8);
    return text.length() <= SHOWN_CHARS ? text : text.substring(0, SHOWN_CHARS);
  }

  private void fail(String why) {
    if (!failed) {
      failed = true;
      phase.tally().failure(why);
    }
  }

  /** The connection with that number; made if there is none or the server has closed it. */
  private HttpConnection connection(int number) throws IOException {
    if (number < connections.size() && connections.get(number).open()) {
      return connections.get(number);
    }
    HttpConnection connection = phase.loop().connect(phase.server());
    if (number < connections.size()) {
      connections.set(number, connection);
    } else {
      connections.add(connection);
    }
    return connection;
  }

  private void follow() {
    open = phase.followers();
    for (int i = 0; i < phase.followers(); i++) {
      LogCheck check = new LogCheck(phase.tally(), i == 0 ? this::firstChunk : () -> {});
      checks.add(check);
      try {
        connection(i)
            .send("GET", "/v1/turns/" + turn + "/events", ACCEPT_STREAM, null, new Followed(check));
      } catch (IOException e) {
        closed("following failed: " + e);
      }
    }
  }

  @Override
  public void resume() {
    if (checks.isEmpty() || checks.getFirst().ended()) {
      return;
    }
    long after = checks.getFirst().lastSeq() / 2;
    String path = "/v1/turns/" + turn + "/events?after=" + after;
    try {
      HttpConnection second = phase.loop().connect(phase.server());
      second.send("GET", path, ACCEPT_STREAM, null, new Resumed(second, after + 1));
    } catch (IOException e) {
      fail("resuming failed: " + e);
    }
  }

  /** Leaves at the first event, which must be the one after the cursor. */
  private final class Resumed implements HttpConnection.Response {
    private final HttpConnection connection;
    private final long asked = System.nanoTime();
    private final EventLines lines;
    private boolean done;

    Resumed(HttpConnection connection, long wanted) {
      this.connection = connection;
      this.lines =
          new EventLines(
              (bytes, from, to, nowMicros) -> first(LogCheck.seq(bytes, from, to), wanted));
    }

    private void first(long seq, long wanted) {
      if (!done && seq >= 0) {
        done = true;
        phase.tally().resume.add((System.nanoTime() - asked) / 1000);
        if (seq != wanted) {
          fail("a resumed stream begins at the wrong event");
        }
      }
    }

    @Override
    public void body(int status, byte[] bytes, int from, int to, long nowMicros) {
      lines.feed(bytes, from, to, nowMicros);
      if (done) {
        connection.close();
      }
    }

    @Override
    public void end(int status) {
      if (!done) {
        fail("resuming answered " + status);
      }
    }

    @Override
    public void failed(String why) {
      if (!done) {
        fail("resuming failed: " + why);
      }
    }
  }

  private void firstChunk() {
    phase.tally().first.add((System.nanoTime() - askedNanos) / 1000);
  }

  private final class Followed implements HttpConnection.Response {
    private final LogCheck check;
    private final EventLines lines;

    Followed(LogCheck check) {
      this.check = check;
      this.lines = new EventLines(check);
    }

    @Override
    public void body(int status, byte[] bytes, int from, int to, long nowMicros) {
      phase.tally().bytes += to - from;
      if (status == 200) {
        lines.feed(bytes, from, to, nowMicros);
      }
    }

    @Override
    public void end(int status) {
      if (status != 200) {
        closed("following answered " + status);
      } else if (!check.ended()) {
        closed("a stream ended before its turn");
      } else if (!check.completed()) {
        closed("a turn ended, but not as completed");
      } else if (check.chunks() != phase.chunks()) {
        closed("a reply has " + check.chunks() + " chunks instead of " + phase.chunks());
      } else {
        closed(null);
      }
    }

    @Override
    public void failed(String why) {
      closed("a stream failed: " + why);
    }
  }

  private void closed(@Nullable String failure) {
    if (failure != null) {
      fail(failure);
    }
    if (--open == 0) {
      phase.counts().ended++;
    }
  }

  @Override
  public void verify() {
    ready(
        "GET",
        "/v1/sessions/" + session + "/messages",
        null,
        200,
        body -> {
          compare(body.path("items"));
          phase.counts().verified++;
        },
        () -> phase.counts().verified++);
  }

  private void compare(JsonNode messages) {
    StringBuilder stored = new StringBuilder();
    for (JsonNode message : messages) {
      if (message.path("role").asText().equals("assistant")) {
        message.path("parts").forEach(part -> stored.append(part.path("text").asText()));
      }
    }
    for (LogCheck check : checks) {
      if (!stored.toString().equals(unescaped(check.escapedText()))) {
        phase.tally().differing++;
        return;
      }
    }
  }

  private static String unescaped(String inside) {
    try {
      return Json.MAPPER.readTree('"' + inside + '"').textValue();
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("The server sent a string that is not JSON", e);
    }
  }

  @Override
  public void close() {
    connections.forEach(HttpConnection::close);
  }
}
