package dev.perdure.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * How the stream of each door ends, whatever becomes of the turn and its node: the table {@code
 * docs/doors/endings.md}, which {@code -Dperdure.golden=write} writes anew. And what a door says of
 * a log is the same each time and from each node.
 */
class DoorEndingsTest {
  private static final Path TABLE = Path.of("../docs/doors/endings.md");
  private static final String LONG = Prompts.say(Prompts.words(4000), 25);

  /** Calls a tool of the client, which does not answer. */
  private static final String WAITING = "/tool place {}";

  private static final long PATIENCE_SECONDS = 60;

  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  /** A stream that is read to its end. */
  private interface Stream {
    /** Waits until some text has come. */
    void awaitText() throws InterruptedException;

    /** How it has ended, and unless that was in mid-reply, after what. */
    String ending(boolean inMidReply) throws Exception;

    /** The same for a reply that waits: its stream may go on through the wait. */
    String endingOrWait() throws Exception;

    /** Everything that came of a stream that has ended well. */
    String bytes() throws Exception;
  }

  /** One by HTTP. */
  private final class Following implements Stream {
    private final HttpResponse<InputStream> response;
    private final CountDownLatch begun = new CountDownLatch(1);
    private final CompletableFuture<String> waits = new CompletableFuture<>();
    private final CompletableFuture<String> end;
    private final StringBuilder all = new StringBuilder();
    private @Nullable String last;

    Following(HttpRequest.Builder request) throws IOException, InterruptedException {
      response = client.send(request.build(), BodyHandlers.ofInputStream());
      assertThat(response.statusCode()).isEqualTo(200);
      end = CompletableFuture.supplyAsync(this::read, task -> Thread.ofVirtual().start(task));
    }

    private String read() {
      try (BufferedReader lines =
          new BufferedReader(new InputStreamReader(response.body(), UTF_8))) {
        String line;
        while ((line = lines.readLine()) != null) {
          if (line.startsWith("data: ")) {
            last = line.substring("data: ".length());
            if (last.contains("w0")) {
              begun.countDown();
            }
            if (last.contains("\"turn.waiting\"")) {
              waits.complete("stays open");
            }
          }
          if (!line.startsWith(":")) {
            all.append(line).append('\n');
          }
        }
        return "clean end";
      } catch (IOException e) {
        return "cut";
      } finally {
        begun.countDown();
      }
    }

    @Override
    public void awaitText() throws InterruptedException {
      assertThat(begun.await(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
    }

    @Override
    public String ending(boolean inMidReply) throws Exception {
      String how = end.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      return inMidReply ? how : how + " after " + said(String.valueOf(last));
    }

    @Override
    public String endingOrWait() throws Exception {
      Object first = CompletableFuture.anyOf(waits, end).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      return waits.isDone() ? String.valueOf(first) : ending(false);
    }

    @Override
    public String bytes() throws Exception {
      assertThat(end.get(PATIENCE_SECONDS, TimeUnit.SECONDS)).isEqualTo("clean end");
      return all.toString();
    }
  }

  /** One over the WebSocket of the AI SDK's door. */
  private final class Socket implements Stream, WebSocket.Listener {
    private final CountDownLatch begun = new CountDownLatch(1);
    private final CompletableFuture<String> end = new CompletableFuture<>();
    private final StringBuilder message = new StringBuilder();
    private final StringBuilder all = new StringBuilder();

    Socket(Server node, String session) {
      WebSocket socket =
          client
              .newWebSocketBuilder()
              .buildAsync(URI.create(node.url().replace("http:", "ws:") + "/api/chat"), this)
              .join();
      ObjectNode resume = Api.JSON.createObjectNode().put("type", "resume");
      socket.sendText(resume.put("requestId", "r").put("id", session).toString(), true).join();
    }

    @Override
    public @Nullable CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
      message.append(data);
      if (last) {
        String text = message.toString();
        message.setLength(0);
        all.append(text).append('\n');
        if (text.contains("w0")) {
          begun.countDown();
        }
        String type = Api.read(text).path("type").asText();
        if (!type.equals("start") && !type.equals("chunk")) {
          end.complete("`" + type + "`");
        }
      }
      socket.request(1);
      return null;
    }

    @Override
    public @Nullable CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      // 1006 is not sent: it is what a client calls a connection that went without a word.
      end.complete(code == 1006 ? "cut" : "closed, " + code);
      return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
      end.complete("cut");
    }

    @Override
    public void awaitText() throws InterruptedException {
      assertThat(begun.await(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
    }

    @Override
    public String ending(boolean inMidReply) throws Exception {
      String how = end.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      String[] lines = all.toString().split("\n", -1);
      return inMidReply || lines.length < 3
          ? how
          : how
              + " after `"
              + Api.read(lines[lines.length - 3]).path("chunk").path("type").asText()
              + "`";
    }

    @Override
    public String endingOrWait() throws Exception {
      return ending(false);
    }

    @Override
    public String bytes() throws Exception {
      assertThat(end.get(PATIENCE_SECONDS, TimeUnit.SECONDS)).isEqualTo("`end`");
      return all.toString();
    }
  }

  /** What the last frame is called by its protocol. */
  private static String said(String data) {
    if (data.equals("[DONE]")) {
      return "`[DONE]`";
    }
    JsonNode json = Api.read(data);
    if (json.has("streamNextOffset")) {
      return json.path("streamClosed").asBoolean() ? "`streamClosed`" : "`control`";
    }
    String item = json.path("item").path("status").asText();
    return "`" + json.path("type").asText() + "`" + (item.isEmpty() ? "" : " (" + item + ")");
  }

  /** A turn that was made by the responses door, and the completion of the same prompt. */
  private record Asked(String turn, String session) {
    String response() {
      return "/openai/v1/responses/resp_" + turn.substring("turn_".length()) + "?stream=true";
    }
  }

  private static Asked ask(Api api, String prompt) {
    ObjectNode body = Api.JSON.createObjectNode().put("input", prompt).put("background", true);
    if (prompt.equals(WAITING)) {
      ObjectNode tool = body.putArray("tools").addObject().put("type", "function");
      tool.put("name", "place").putObject("parameters").put("type", "object");
    }
    String id =
        api.post("/openai/v1/responses", body.toString()).expect(200).json().path("id").asText();
    String turn = "turn_" + id.substring("resp_".length());
    return new Asked(turn, api.turn(turn).path("session").asText());
  }

  private static HttpRequest.Builder get(Server node, String path) {
    return HttpRequest.newBuilder(URI.create(node.url() + path));
  }

  private static HttpRequest.Builder completion(Server node, String prompt, String key) {
    ObjectNode body = Api.JSON.createObjectNode().put("stream", true);
    body.putArray("messages").addObject().put("role", "user").put("content", prompt);
    if (prompt.equals(WAITING)) {
      ObjectNode tool = body.putArray("tools").addObject().put("type", "function");
      tool.putObject("function").put("name", "place").putObject("parameters").put("type", "object");
    }
    return get(node, "/openai/v1/chat/completions")
        .header("Content-Type", "application/json")
        .header("Idempotency-Key", key)
        .POST(BodyPublishers.ofString(body.toString()));
  }

  /** All doors' streams of one prompt, on one node. */
  private Map<String, Stream> open(Server node, Asked asked, String prompt, String key)
      throws IOException, InterruptedException {
    Map<String, Stream> streams = new LinkedHashMap<>();
    streams.put("native", new Following(get(node, "/v1/turns/" + asked.turn + "/events")));
    streams.put("AI SDK", new Following(get(node, "/api/chat/" + asked.session + "/stream")));
    streams.put("its WebSocket", new Socket(node, asked.session));
    streams.put(
        "Durable Streams", new Following(get(node, "/streams/turns/" + asked.turn + "?live=sse")));
    streams.put("Responses", new Following(get(node, asked.response())));
    streams.put("chat completions", new Following(completion(node, prompt, key)));
    return streams;
  }

  private static String turnOf(Following completion) {
    String location = completion.response.headers().firstValue("Location").orElseThrow();
    return "turn_" + location.substring(location.indexOf("resp_") + "resp_".length());
  }

  @Test
  void every_door_ends_its_streams_as_its_clients_need_it() throws Exception {
    Map<String, Map<String, String>> table = new LinkedHashMap<>();
    try (Fleet fleet = Fleet.start(2, setup -> setup.env("PERDURE_ENGINE_DRAIN_GRACE", "100ms"))) {
      Server node = fleet.node(1);
      String complete = Prompts.say("w0 w1 w2", 1);
      Asked asked = ask(node.api(), complete);
      Map<String, Stream> first = open(node, asked, complete, "complete");
      record(table, "complete", first, false);
      sameBytes(first, open(node, asked, complete, "complete"));
      sameBytes(first, open(fleet.node(0), asked, complete, "complete"));
      for (String path : List.of("", "/ui")) {
        String whole = "/streams/turns/" + asked.turn + path;
        Api.Answer once = node.api().get(whole).expect(200);
        for (Server each : List.of(node, fleet.node(0))) {
          Api.Answer again = each.api().get(whole).expect(200);
          assertThat(again.body()).isEqualTo(once.body());
          assertThat(again.headers().firstValue("etag"))
              .isEqualTo(once.headers().firstValue("etag"));
        }
      }

      String failing = Prompts.say("w0 w1 w2", 1, "/error 401 always");
      record(table, "failed", open(node, ask(node.api(), failing), failing, "failed"), false);

      asked = ask(node.api(), WAITING);
      Map<String, Stream> waiting = open(node, asked, WAITING, "waiting");
      Map<String, String> row = new LinkedHashMap<>();
      for (Map.Entry<String, Stream> stream : waiting.entrySet()) {
        row.put(stream.getKey(), stream.getValue().endingOrWait());
      }
      table.put("waiting for the client", row);

      asked = ask(node.api(), LONG);
      Map<String, Stream> cancelled = open(node, asked, LONG, "cancelled");
      awaitText(cancelled);
      fleet.api(0).cancel(asked.turn);
      fleet.api(0).cancel(turnOf((Following) at(cancelled, "chat completions")));
      record(table, "cancelled", cancelled, false);

      Map<String, Stream> drained = open(node, ask(node.api(), LONG), LONG, "drained");
      awaitText(drained);
      fleet.redeploy(1);
      record(table, "node drained", drained, true);

      Map<String, Stream> killed = open(node, ask(node.api(), LONG), LONG, "killed");
      awaitText(killed);
      node.kill();
      record(table, "node killed", killed, true);
    }
    assertTable(table);
  }

  private static <V> V at(Map<String, V> map, String key) {
    return requireNonNull(map.get(key));
  }

  private static void awaitText(Map<String, Stream> streams) throws InterruptedException {
    for (Stream stream : streams.values()) {
      stream.awaitText();
    }
  }

  private static void record(
      Map<String, Map<String, String>> table,
      String what,
      Map<String, Stream> streams,
      boolean inMidReply)
      throws Exception {
    Map<String, String> row = new LinkedHashMap<>();
    for (Map.Entry<String, Stream> stream : streams.entrySet()) {
      row.put(stream.getKey(), stream.getValue().ending(inMidReply));
    }
    table.put(what, row);
  }

  private static void sameBytes(Map<String, Stream> one, Map<String, Stream> other)
      throws Exception {
    for (Map.Entry<String, Stream> stream : one.entrySet()) {
      assertThat(at(other, stream.getKey()).bytes())
          .as(stream.getKey())
          .isEqualTo(stream.getValue().bytes());
    }
  }

  private static void assertTable(Map<String, Map<String, String>> table) throws IOException {
    List<String> doors = List.copyOf(at(table, "complete").keySet());
    List<String> lines = new ArrayList<>();
    lines.add("# How a stream ends");
    lines.add("");
    lines.add(
        "Written by `DoorEndingsTest`, which sees it happen. EventSource, the native clients and");
    lines.add(
        "readers of Durable Streams come again after a clean end. The other clients take it for");
    lines.add("the end of the reply, so theirs is cut when the reply goes on without them; to the");
    lines.add("client of the WebSocket whatever comes without an `end` is a break.");
    lines.add("");
    lines.add("| the reply is | " + String.join(" | ", doors) + " |");
    lines.add("|---".repeat(doors.size() + 1) + "|");
    table.forEach(
        (what, row) -> lines.add("| " + what + " | " + String.join(" | ", row.values()) + " |"));
    String text = String.join("\n", lines) + "\n";
    if ("write".equals(System.getProperty("perdure.golden"))) {
      Files.writeString(TABLE, text);
    }
    // Line by line, so that a failure names the row that is another one.
    List<String> written = Files.readString(TABLE).lines().toList();
    assertThat(lines.stream().filter(line -> !written.contains(line))).isEmpty();
    assertThat(lines).isEqualTo(written);
  }
}
