package dev.perdure.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A user of a stack that accepts with an id and streams under it, as the programs in {@code
 * bench/alternatives} do:
 *
 * <pre>
 *   POST /chat {"text": "..."}          202 {"id": "..."}
 *   GET /chat/ID/events                 data: {"text": "..."} for each chunk, then data: [DONE]
 *   Last-Event-ID: ...                  the same from there
 *   GET /chat/ID                        {"text": "..."}, the whole reply
 * </pre>
 */
final class ChatUser implements User {
  private static final byte[] ID = "id: ".getBytes(StandardCharsets.US_ASCII);

  private final Phase phase;
  private final StringBuilder text = new StringBuilder();
  private @Nullable HttpConnection connection;
  private @Nullable Reply reply;
  private String id = "";
  private long askedNanos;
  private boolean failed;

  ChatUser(Phase phase) {
    this.phase = phase;
  }

  @Override
  public void prepare() {
    phase.counts().ready++;
  }

  @Override
  public void ask() {
    askedNanos = System.nanoTime();
    String body = Json.text(Json.MAPPER.createObjectNode().put("text", phase.prompt()));
    send(
        "POST",
        "/chat",
        "",
        body,
        new Whole(this::accepted, why -> ended("asking failed: " + why)),
        () -> phase.counts().ended++);
  }

  private void accepted(int status, byte[] body) {
    if (status != 202) {
      ended("asking answered " + status);
      return;
    }
    phase.tally().ack.add((System.nanoTime() - askedNanos) / 1000);
    phase.counts().accepted++;
    id = json(body).path("id").asText();
    Reply reply = new Reply(phase, askedNanos, this::read, this::ended);
    this.reply = reply;
    send(
        "GET",
        "/chat/" + id + "/events",
        "Accept: text/event-stream\r\n",
        null,
        reply,
        () -> phase.counts().ended++);
  }

  private void send(
      String method,
      String path,
      String headers,
      @Nullable String body,
      HttpConnection.Response response,
      Runnable otherwise) {
    try {
      HttpConnection current = connection;
      if (current == null || !current.open()) {
        current = phase.loop().connect(phase.server());
        connection = current;
      }
      current.send(
          method,
          path,
          headers,
          body == null ? null : body.getBytes(StandardCharsets.UTF_8),
          response);
    } catch (IOException e) {
      fail(method + " failed: " + e);
      otherwise.run();
    }
  }

  private static JsonNode json(byte[] bytes) {
    try {
      return Json.MAPPER.readTree(bytes);
    } catch (IOException e) {
      throw new IllegalStateException("The server sent what is not JSON", e);
    }
  }

  private void read(byte[] bytes, int from, int to) {
    text.append(json(Arrays.copyOfRange(bytes, from, to)).path("text").asText());
  }

  private void ended(@Nullable String failure) {
    if (failure != null) {
      fail(failure);
    }
    phase.counts().ended++;
  }

  private void fail(String why) {
    if (!failed) {
      failed = true;
      phase.tally().failure(why);
    }
  }

  @Override
  public void resume() {
    if (reply == null || reply.done()) {
      return;
    }
    try {
      HttpConnection second = phase.loop().connect(phase.server());
      second.send(
          "GET",
          "/chat/" + id + "/events",
          "Accept: text/event-stream\r\n",
          null,
          new Resumed(second));
    } catch (IOException e) {
      fail("resuming failed: " + e);
    }
  }

  /** Leaves at the first bytes of the body. */
  private final class Resumed implements HttpConnection.Response {
    private final HttpConnection second;
    private final long asked = System.nanoTime();
    private boolean seen;

    Resumed(HttpConnection second) {
      this.second = second;
    }

    @Override
    public void body(int status, byte[] bytes, int from, int to, long nowMicros) {
      if (!seen && Scan.startsWith(bytes, from, to, ID)) {
        seen = true;
        phase.tally().resume.add((System.nanoTime() - asked) / 1000);
        second.close();
      }
    }

    @Override
    public void end(int status) {}

    @Override
    public void failed(String why) {
      if (!seen) {
        fail("resuming failed: " + why);
      }
    }
  }

  @Override
  public void verify() {
    send(
        "GET",
        "/chat/" + id,
        "",
        null,
        new Whole(
            (status, body) -> {
              if (!json(body).path("text").asText().contentEquals(text)) {
                phase.tally().differing++;
              }
              phase.counts().verified++;
            },
            why -> {
              fail("reading the reply failed: " + why);
              phase.counts().verified++;
            }),
        () -> phase.counts().verified++);
  }

  @Override
  public void close() {
    if (connection != null) {
      connection.close();
    }
  }
}
