package dev.perdure.provider.fake;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.perdure.protocol.Json;
import dev.perdure.provider.demo.DemoFault;
import dev.perdure.provider.demo.DemoScript;
import dev.perdure.provider.demo.DemoScript.Step;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** One request and its answer, played from a script. Answered by one thread, ended by another. */
final class FakeCall {
  private static final String SCRIPT_HEADER = "x-fake-script";
  private static final String SCRIPT_FIELD = "x_fake_script";
  private static final String HEAD =
      String.join(
          "\r\n",
          "HTTP/1.1 200 OK",
          "Content-Type: text/event-stream; charset=utf-8",
          "Cache-Control: no-cache",
          "Transfer-Encoding: chunked",
          "",
          "");

  /** A model whose name ends so takes this many times as long. */
  private static final String SLOW = "-slow";

  private static final int SLOWNESS = 4;
  private static final String LAST_CHUNK = "0\r\n\r\n";

  private final FakeProviderServer server;
  private final FakeConnection connection;
  private final FakeRequest request;
  private final CountDownLatch abandoned = new CountDownLatch(1);
  private FakeJournal.@Nullable Call entry;

  FakeCall(FakeProviderServer server, FakeConnection connection, FakeRequest request) {
    this.server = server;
    this.connection = connection;
    this.request = request;
  }

  /** The client has gone. */
  void abandoned() {
    abandoned.countDown();
  }

  void answer() {
    try {
      switch (request.method()) {
        case "GET" -> get();
        case "DELETE" -> delete();
        case "POST" -> post();
        default -> json(405, error("Only GET, POST and DELETE are known."));
      }
    } catch (IOException e) {
      ended(FakeJournal.State.ABORTED);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void get() throws IOException {
    if (request.path().equals("/__calls")) {
      json(200, server.journal().json(after()).toString());
    } else if (request.path().equals("/__embeddings")) {
      json(200, server.embeddings().json());
    } else if (request.path().endsWith("/models")) {
      json(
          200,
          "{\"object\":\"list\",\"data\":[{\"id\":\"fake\",\"object\":\"model\","
              + "\"created\":1700000000,\"owned_by\":\"perdure\"}]}");
    } else {
      json(404, error("There is nothing at this path."));
    }
  }

  /** {@code ?after=17}: only the calls with a greater id; 0 for all. */
  private long after() {
    String value =
        request.query().startsWith("after=") ? request.query().substring("after=".length()) : "";
    try {
      return value.isEmpty() ? 0 : Long.parseLong(value);
    } catch (NumberFormatException e) {
      return 0;
    }
  }

  private void delete() throws IOException {
    if (request.path().equals("/__calls")) {
      server.journal().reset();
      write("HTTP/1.1 204 No Content\r\n\r\n");
    } else {
      json(404, error("There is nothing at this path."));
    }
  }

  private void post() throws IOException, InterruptedException {
    if (request.path().equals("/__embeddings")) {
      plan();
      return;
    }
    JsonNode body;
    try {
      body = Json.MAPPER.readTree(request.body());
    } catch (JsonProcessingException e) {
      json(400, error("The body is not JSON."));
      return;
    }
    if (request.path().endsWith("/embeddings")) {
      embed(body);
      return;
    }
    long id = server.nextId();
    FakeWire wire;
    try {
      wire = FakeWire.of(request.path(), body, id);
    } catch (IllegalArgumentException e) {
      json(400, error("The path is not encoded as it should be."));
      return;
    }
    if (wire == null) {
      json(404, error("No wire is at this path."));
      return;
    }
    entry = server.journal().begun(id, wire);
    String parameters =
        request.headers().getOrDefault(SCRIPT_HEADER, body.path(SCRIPT_FIELD).asText(""));
    DemoScript script;
    try {
      script = DemoScript.of(wire.prompt(), 0, parameters, wire.rounds());
    } catch (IllegalArgumentException e) {
      json(400, error(String.valueOf(e.getMessage())));
      ended(FakeJournal.State.FAULTED);
      return;
    }
    if (script.reasons() && wire.rounds().count() > 0 && !wire.signatureCarried()) {
      json(400, error("The reasoning of the last step did not come back with its signature."));
      ended(FakeJournal.State.FAULTED);
      return;
    }
    List<Object> history = List.of(wire.history(), parameters);
    int call = server.calls().next(wire.model(), history);
    // Noted before the client can know, and call again.
    Runnable success = () -> server.calls().succeeded(wire.model(), history);
    play(wire, script, script.play(call, server.clock()), success);
  }

  /** {@code ?fault=hang&times=3}. */
  private void plan() throws IOException {
    Matcher plan = Pattern.compile("fault=([a-z]+)&times=(\\d{1,6})").matcher(request.query());
    if (!plan.matches()) {
      json(400, error("Write ?fault=NAME&times=COUNT."));
      return;
    }
    FakeEmbeddings.Fault fault =
        FakeEmbeddings.Fault.valueOf(plan.group(1).toUpperCase(Locale.ROOT));
    server.embeddings().fail(fault, Integer.parseInt(plan.group(2)));
    write("HTTP/1.1 204 No Content\r\n\r\n");
  }

  private void embed(JsonNode body) throws IOException, InterruptedException {
    List<String> input = FakeEmbeddings.input(body);
    FakeEmbeddings.Fault fault = server.embeddings().called(input);
    switch (fault) {
      case HANG -> abandoned.await();
      case BUSY -> json(429, error("Too many requests."), "retry-after-ms: 50\r\n");
      case ERROR -> json(500, error("The model has crashed."));
      case REFUSED -> json(400, error("There is no such model."));
      case CUT -> {
        write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{\"data\":[");
        connection.close();
      }
      case NONE, DIMENSIONS, NAN, HUGE, FEWER, INDEX, TRUNCATED, PAGE ->
          json(200, FakeEmbeddings.answer(body, input, fault));
    }
  }

  private void play(FakeWire wire, DemoScript script, Iterator<Step> steps, Runnable success)
      throws IOException, InterruptedException {
    boolean begun = false;
    int sent = 0;
    while (true) {
      Step step = steps.next();
      if (!begun && !(step instanceof Step.Fail fail && beforeHeaders(fail.fault()))) {
        begun = true;
        write(HEAD);
        send(wire.begin(script.usage()), false);
      }
      switch (step) {
        case Step.Pause pause -> {
          long nanos = pause.time().toNanos() * (wire.model().endsWith(SLOW) ? SLOWNESS : 1);
          if (abandoned.await(nanos, TimeUnit.NANOSECONDS)) {
            ended(FakeJournal.State.ABORTED);
            return;
          }
        }
        case Step.Say say -> {
          send(wire.delta(say.kind(), say.text()), script.splitCharacters());
          sent(++sent);
        }
        case Step.Call asked ->
            send(wire.call(asked.tool(), asked.input(), script.reasons()), false);
        case Step.Finish finish -> {
          success.run();
          send(wire.end(finish.usage(), finish.reason()), false);
          ended(FakeJournal.State.COMPLETED);
          write(LAST_CHUNK);
          return;
        }
        case Step.Fail fail -> {
          fail(wire, fail.fault(), begun);
          return;
        }
      }
    }
  }

  private static boolean beforeHeaders(DemoFault fault) {
    return switch (fault.kind()) {
      case ERROR, HANG, RESET -> fault.at() == 0;
      case TRUNCATE, STALL, GARBAGE, CUT -> false;
    };
  }

  private void fail(FakeWire wire, DemoFault fault, boolean begun)
      throws IOException, InterruptedException {
    if (fault.kind() == DemoFault.Kind.HANG || fault.kind() == DemoFault.Kind.STALL) {
      abandoned.await();
      ended(FakeJournal.State.ABORTED);
      return;
    }
    ended(FakeJournal.State.FAULTED);
    switch (fault.kind()) {
      case ERROR -> {
        if (begun) {
          send(wire.streamError(fault.status()), false);
          write(LAST_CHUNK);
        } else {
          status(wire, fault);
        }
      }
      case TRUNCATE -> write(LAST_CHUNK);
      case GARBAGE -> {
        send(wire.garbage(), false);
        write(LAST_CHUNK);
      }
      case CUT -> {
        byte[] whole = chunk(wire.delta(dev.perdure.protocol.PartKind.TEXT, "never whole"));
        connection.write(whole, 0, whole.length / 2);
        connection.close();
      }
      case RESET -> connection.reset();
      case HANG, STALL -> {}
    }
  }

  private void status(FakeWire wire, DemoFault fault) throws IOException {
    Duration wait = fault.retryAfter();
    String header = "";
    if (wait != null && !(wire instanceof FakeGeminiWire)) {
      header =
          wait.toMillis() % 1000 == 0
              ? "Retry-After: " + wait.toSeconds() + "\r\n"
              : "retry-after-ms: " + wait.toMillis() + "\r\n";
    }
    json(fault.status(), wire.error(fault.status(), wait), header);
  }

  private void send(String frames, boolean split) throws IOException, InterruptedException {
    if (frames.isEmpty()) {
      return;
    }
    byte[] chunk = chunk(frames);
    int at = split ? insideCharacter(chunk) : 0;
    if (at > 0) {
      connection.write(chunk, 0, at);
      // Long enough for the client to read the first half alone.
      abandoned.await(1, TimeUnit.MILLISECONDS);
    }
    connection.write(chunk, at, chunk.length);
  }

  /** Where the first character of several bytes can be cut; 0 if there is none. */
  private static int insideCharacter(byte[] bytes) {
    for (int i = 1; i < bytes.length; i++) {
      if ((bytes[i] & 0xC0) == 0x80) {
        return i;
      }
    }
    return 0;
  }

  private static byte[] chunk(String frames) {
    byte[] data = frames.getBytes(StandardCharsets.UTF_8);
    byte[] size = (Integer.toHexString(data.length) + "\r\n").getBytes(StandardCharsets.US_ASCII);
    byte[] chunk = new byte[size.length + data.length + 2];
    System.arraycopy(size, 0, chunk, 0, size.length);
    System.arraycopy(data, 0, chunk, size.length, data.length);
    chunk[chunk.length - 2] = '\r';
    chunk[chunk.length - 1] = '\n';
    return chunk;
  }

  private void json(int status, String body) throws IOException {
    json(status, body, "");
  }

  private void json(int status, String body, String headers) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    write(
        "HTTP/1.1 "
            + status
            + " Fake\r\nContent-Type: application/json\r\nContent-Length: "
            + bytes.length
            + "\r\n"
            + headers
            + "\r\n"
            + body);
  }

  private void write(String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    connection.write(bytes, 0, bytes.length);
  }

  private void sent(int chunks) {
    if (entry != null) {
      entry.chunks = chunks;
    }
  }

  private void ended(FakeJournal.State state) {
    if (entry != null) {
      server.journal().ended(entry, state);
    }
  }

  private static String error(String text) {
    return JsonNodeFactory.instance
        .objectNode()
        .set("error", JsonNodeFactory.instance.objectNode().put("message", text))
        .toString();
  }
}
