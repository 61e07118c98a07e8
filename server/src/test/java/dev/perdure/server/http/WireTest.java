package dev.perdure.server.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.server.auth.Authenticator;
import dev.perdure.server.http.Door.Answer;
import dev.perdure.server.http.RawHttp.Reply;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What happens below the routes: hostile bytes, methods, HTTP/2, clients that stall or vanish. */
class WireTest {
  private static final HttpLimits QUICK =
      new HttpLimits(
          new HttpLimits.Body(1024 * 1024, 200_000, 64, 65_536, 200, 8, 8, Duration.ofMillis(500)),
          HttpLimits.Page.DEFAULT,
          new HttpLimits.Stream(
              64,
              50,
              Duration.ofMillis(100),
              Duration.ofSeconds(1),
              Duration.ofSeconds(5),
              Duration.ofHours(24),
              Duration.ofSeconds(60)),
          new HttpLimits.Socket(
              100,
              100,
              8 * 1024,
              Duration.ofMillis(500),
              Duration.ofSeconds(15),
              Duration.ofMinutes(5),
              32 * 1024,
              16 * 1024));

  @TempDir private Path data;
  private Door door;

  @BeforeEach
  void open() {
    door = new Door(data, QUICK, Authenticator.local(), null, List.of("https://app.example.com"));
  }

  @AfterEach
  void close() {
    door.close();
  }

  private Reply raw(String request) throws Exception {
    return RawHttp.send(door.http.port(), request);
  }

  @Test
  void requests_that_are_not_http_get_a_problem_or_nothing() throws Exception {
    for (String request :
        List.of(
            "GET / HTTP/1.1\n\n",
            "GET / HTTP/1.1\nHost: localhost\nHost: localhost\n\n",
            "GET /v1/sessions?cursor=a b HTTP/1.1\nHost: localhost\n\n",
            "GET /v1/%zz HTTP/1.1\nHost: localhost\n\n",
            "GET /v1/sessions HTTP/1.1\nHost: localhost\nBad Header: x\n\n",
            "GET /v1/sessions HTTP/1.1\nHost: localhost\nX: a\u0000b\n\n",
            "GET /" + "x".repeat(20_000) + " HTTP/1.1\nHost: localhost\n\n",
            "GET / HTTP/1.1\nHost: localhost\nX: " + "x".repeat(40_000) + "\n\n",
            "POST /v1/sessions HTTP/1.1\nHost: localhost\nContent-Length: x\n\n",
            "POST /v1/sessions HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\n\nzz\n",
            "nonsense that is long enough to be told from HTTP/2\n\n")) {
      Reply reply;
      try {
        reply = raw(request);
      } catch (IOException e) {
        throw new AssertionError(request.substring(0, Math.min(request.length(), 200)), e);
      }
      assertThat(reply.status()).as(request).isIn(0, 400, 403, 404, 414, 431);
      if (reply.status() != 0) {
        assertThat(reply.header("content-type")).isEqualTo("application/problem+json");
        assertThat(reply.json().path("code").isTextual()).isTrue();
        assertThat(reply.body()).doesNotContain("io.helidon", "Exception", "at dev.");
      }
    }
    assertThat(door.get("/livez").status()).isEqualTo(200);
  }

  @Test
  void ids_and_headers_with_line_ends_reach_no_header_and_no_frame() throws Exception {
    for (String path :
        List.of(
            "/v1/turns/turn_%0d%0aX-Evil:%201",
            "/v1/turns/a%0d%0aX-Evil:%201/events",
            "/v1/sessions/%0aX-Evil:1/turns",
            "/%0d%0aX-Evil:%201",
            "/problems/%0d%0aX-Evil:%201",
            "/v1/inbox/events?after=1~0%0d%0aX-Evil:%201")) {
      Reply reply = raw("GET " + path + " HTTP/1.1\nHost: localhost\n\n");
      assertThat(reply.head()).doesNotContain("X-Evil");
      assertThat(reply.status()).as(path).isBetween(400, 405);
    }
  }

  @Test
  void random_bytes_do_no_harm() throws Exception {
    Random random = new Random(11);
    byte[] valid =
        ("POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Content-Length: 2\r\nConnection: close\r\n\r\n{}")
            .getBytes(ISO_8859_1);
    for (int round = 0; round < 150; round++) {
      byte[] damaged = valid.clone();
      for (int i = 0; i <= round % 3; i++) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
      }
      try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), door.http.port())) {
        socket.getOutputStream().write(damaged);
        socket.shutdownOutput();
        socket.setSoTimeout(20_000);
        String reply = new String(socket.getInputStream().readAllBytes(), ISO_8859_1);
        assertThat(reply).doesNotContain("Exception", "io.helidon");
      } catch (SocketException e) {
        assertThat(e).hasMessageContaining("reset");
      }
    }
    assertThat(door.get("/livez").status()).isEqualTo(200);
  }

  @Test
  void a_body_over_the_limit_is_refused_and_the_connection_lives() throws Exception {
    Answer answer = door.post("/v1/sessions", "{\"title\":\"" + "x".repeat(2_000_000) + "\"}");
    assertThat(answer.status()).isEqualTo(413);
    assertThat(answer.json().path("code").textValue()).isEqualTo("too_large");
    assertThat(door.post("/v1/sessions", "{}").status()).isEqualTo(201);
  }

  @Test
  void a_body_far_over_the_limit_is_cut_off() throws Exception {
    Reply reply =
        raw("POST /v1/sessions HTTP/1.1\nHost: localhost\nContent-Length: 99999999999\n\n{");
    assertThat(reply.status()).isEqualTo(413);
    assertThat(reply.json().path("code").textValue()).isEqualTo("too_large");
    assertThat(reply.header("connection")).isEqualTo("close");
  }

  @Test
  void a_body_that_does_not_arrive_gives_its_thread_back() throws Exception {
    Reply reply =
        raw(
            "POST /v1/sessions HTTP/1.1\nHost: localhost\nContent-Type: application/json\n"
                + "Content-Length: 10\n\n{");
    assertThat(reply.status()).isIn(0, 400, 408);
    assertThat(door.get("/livez").status()).isEqualTo(200);
  }

  @Test
  void a_body_that_nobody_reads_gives_its_thread_back_too() throws Exception {
    for (String target : List.of("GET /v1/sessions", "POST /nowhere", "OPTIONS /v1/sessions")) {
      Reply reply = raw(target + " HTTP/1.1\nHost: localhost\nContent-Length: 10\n\n{");
      assertThat(reply.status()).as(target).isZero();
    }
  }

  @Test
  void chunks_that_are_none_are_the_client_s_fault() throws Exception {
    Reply reply =
        raw(
            """
            POST /v1/sessions HTTP/1.1
            Host: localhost
            Content-Type: application/json
            Transfer-Encoding: chunked

            zz
            """);
    assertThat(reply.status()).isEqualTo(400);
    assertThat(reply.json().path("code").textValue()).isEqualTo("invalid_request");
    assertThat(reply.header("connection")).isEqualTo("close");
  }

  @Test
  void chunks_without_end_are_cut_off() throws Exception {
    StringBuilder request =
        new StringBuilder(
            """
            POST /v1/sessions HTTP/1.1
            Host: localhost
            Content-Type: application/json
            Transfer-Encoding: chunked

            """);
    for (int i = 0; i < 3; i++) {
      request.append("400000\n").append("x".repeat(0x400000)).append('\n');
    }
    assertThat(raw(request.toString()).status()).isIn(0, 400, 413);
    assertThat(door.get("/livez").status()).isEqualTo(200);
  }

  @Test
  void a_connection_is_closed_if_the_client_says_so() throws Exception {
    String turn = door.turn(door.session(), "hi");
    door.provider.call().say("x").finish();
    for (String path : List.of("/livez", "/nowhere", "/v1/turns/" + turn + "/events")) {
      try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), door.http.port())) {
        socket.setSoTimeout(20_000);
        socket
            .getOutputStream()
            .write(
                ("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    .getBytes(ISO_8859_1));
        String all = new String(socket.getInputStream().readAllBytes(), ISO_8859_1);
        assertThat(all).containsIgnoringCase("connection: close");
        if (path.endsWith("events")) {
          assertThat(all).contains("turn.ended").endsWith("\r\n0\r\n\r\n");
        }
      }
    }
  }

  @Test
  void a_body_is_asked_for_only_if_it_is_wanted() throws Exception {
    String expecting =
        """
         HTTP/1.1
        Host: localhost
        Content-Type: application/json
        Content-Length: 2
        Expect: 100-continue

        """;
    assertThat(raw("POST /v1/sessions" + expecting).status()).isEqualTo(100);
    assertThat(raw("POST /nowhere" + expecting).status()).isEqualTo(404);
  }

  @Test
  void methods_are_answered_with_what_is_allowed() throws Exception {
    Answer options = door.send("OPTIONS", "/v1/sessions", null);
    assertThat(options.status()).isEqualTo(204);
    assertThat(options.header("allow")).isEqualTo("GET, HEAD, OPTIONS, POST");
    Answer put = door.send("PUT", "/v1/sessions", "{}");
    assertThat(put.status()).isEqualTo(405);
    assertThat(put.header("allow")).isEqualTo("GET, HEAD, OPTIONS, POST");
    Answer head = door.send("HEAD", "/v1/sessions", null);
    assertThat(head.status()).isEqualTo(200);
    assertThat(head.text()).isEmpty();
    assertThat(raw("BREW / HTTP/1.1\nHost: localhost\n\n").status()).isEqualTo(405);
  }

  @Test
  void every_answer_has_the_security_headers() throws Exception {
    for (String path : List.of("/", "/livez", "/v1/sessions", "/nowhere")) {
      Answer answer = door.get(path);
      assertThat(answer.header("x-content-type-options")).isEqualTo("nosniff");
      assertThat(answer.header("x-frame-options")).isEqualTo("DENY");
      assertThat(answer.header("referrer-policy")).isEqualTo("no-referrer");
      assertThat(answer.header("content-security-policy")).contains("default-src 'none'");
    }
    assertThat(door.get("/v1/sessions").header("cache-control")).isEqualTo("no-store");
  }

  @Test
  void only_named_origins_may_read_answers() throws Exception {
    Answer named = door.get("/v1/sessions", "Origin", "https://app.example.com");
    assertThat(named.header("access-control-allow-origin")).isEqualTo("https://app.example.com");
    assertThat(named.header("vary")).contains("Origin");
    Answer other = door.get("/v1/sessions", "Origin", "https://evil.example.com");
    assertThat(other.header("access-control-allow-origin")).isEmpty();
    Answer preflight =
        door.send(
            "OPTIONS",
            "/v1/sessions",
            null,
            "Origin",
            "https://app.example.com",
            "Access-Control-Request-Method",
            "POST",
            "Access-Control-Request-Headers",
            "authorization,idempotency-key, x-stainless-arch");
    assertThat(preflight.status()).isEqualTo(204);
    assertThat(preflight.header("access-control-allow-methods")).contains("POST");
    assertThat(preflight.header("access-control-allow-headers"))
        .isEqualTo("authorization,idempotency-key, x-stainless-arch");
    assertThat(preflight.header("vary")).contains("Access-Control-Request-Headers");
  }

  @Test
  void a_preflight_that_names_no_headers_is_allowed_none() throws Exception {
    for (String names : List.of("x y", "a;b", ",", "é", "x".repeat(5000))) {
      Answer preflight =
          door.send(
              "OPTIONS",
              "/v1/sessions",
              null,
              "Origin",
              "https://app.example.com",
              "Access-Control-Request-Headers",
              names);
      assertThat(preflight.header("access-control-allow-headers")).as(names).isEmpty();
    }
  }

  @Test
  void http_2_carries_streams_and_answers() throws Exception {
    try (HttpClient http2 = HttpClient.newBuilder().version(HttpClient.Version.HTTP_2).build()) {
      HttpResponse<String> sessions =
          http2.send(door.request("/v1/sessions").GET().build(), BodyHandlers.ofString());
      assertThat(sessions.version()).isEqualTo(HttpClient.Version.HTTP_2);
      String turn = door.turn(door.session(), "hi");
      HandProvider.Call call = door.provider.call();
      call.say("one ");
      HttpResponse<InputStream> response =
          http2.send(
              door.request("/v1/turns/" + turn + "/events").GET().build(),
              BodyHandlers.ofInputStream());
      assertThat(response.version()).isEqualTo(HttpClient.Version.HTTP_2);
      try (EventReader reader = new EventReader(response)) {
        reader.until("one ");
        call.say("two").finish();
        assertThat(reader.rest().getLast().data()).contains("turn.ended");
      }
    }
  }

  @Test
  void a_silent_stream_has_heartbeats() throws Exception {
    String turn = door.turn(door.session(), "hi");
    door.provider.call();
    try (EventReader reader = door.events("/v1/turns/" + turn + "/events")) {
      reader.until("attempt.started");
      awaitUntil(() -> reader.text().endsWith(":\n\n:\n\n"));
    }
  }

  @Test
  void a_client_that_vanishes_gives_its_place_back() throws Exception {
    String turn = door.turn(door.session(), "hi");
    door.provider.call();
    for (String path : List.of("/v1/turns/" + turn + "/events", "/v1/inbox/events")) {
      EventReader reader = door.events(path);
      awaitUntil(() -> openStreams() == 1);
      reader.close();
      awaitUntil(() -> openStreams() == 0);
    }
  }

  @Test
  void clients_that_have_gone_do_not_keep_others_out(@TempDir Path slow) throws Exception {
    HttpLimits.Stream d = HttpLimits.Stream.DEFAULT;
    HttpLimits limits =
        new HttpLimits(
            HttpLimits.Body.DEFAULT,
            HttpLimits.Page.DEFAULT,
            new HttpLimits.Stream(
                3, d.turns(), Duration.ofHours(1), d.retry(), d.poll(), d.cursorAge(), d.maxWait()),
            HttpLimits.Socket.DEFAULT);
    try (Door silent = new Door(slow, limits)) {
      String turn = silent.turn(silent.session(), "hi");
      silent.provider.call();
      for (int i = 0; i < 12; i++) {
        String path = i % 2 == 0 ? "/v1/turns/" + turn + "/events" : "/v1/inbox/events";
        try (EventReader reader = silent.events(path)) {
          assertThat(reader.status()).as("connection " + i).isEqualTo(200);
          reader.until("attempt.started");
        }
      }
    }
  }

  @Test
  void a_client_that_does_not_read_is_dropped_and_nobody_waits_for_it() throws Exception {
    String turn = door.turn(door.session(), "hi");
    HandProvider.Call call = door.provider.call();
    try (Socket stalled = new Socket()) {
      stalled.setReceiveBufferSize(4096);
      stalled.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), door.http.port()));
      stalled
          .getOutputStream()
          .write(
              ("GET /v1/turns/" + turn + "/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
                  .getBytes(ISO_8859_1));
      awaitUntil(() -> openStreams() == 1);
      try (EventReader reader = door.events("/v1/turns/" + turn + "/events")) {
        for (int i = 0; i < 200; i++) {
          call.say("x".repeat(10_000));
        }
        call.say("last").finish();
        assertThat(reader.rest().getLast().data()).contains("turn.ended");
      }
      awaitUntil(() -> openStreams() == 0);
    }
  }

  @Test
  void an_http_2_client_that_vanishes_gives_its_place_back() throws Exception {
    String turn = door.turn(door.session(), "hi");
    door.provider.call();
    for (String path : List.of("/v1/turns/" + turn + "/events", "/v1/inbox/events")) {
      try (HttpClient http2 = http2()) {
        HttpResponse<InputStream> response = openHttp2(http2, path);
        awaitUntil(() -> openStreams() == 1);
        response.body().close();
        awaitUntil(() -> openStreams() == 0);
      }
    }
  }

  @Test
  void an_http_2_stream_ends_now_and_then_and_says_to_come_again_at_once() throws Exception {
    String turn = door.turn(door.session(), "hi");
    door.provider.call();
    for (String path : List.of("/v1/turns/" + turn + "/events", "/v1/inbox/events")) {
      try (HttpClient http2 = http2();
          EventReader reader = new EventReader(openHttp2(http2, path))) {
        assertThat(reader.rest()).isNotEmpty();
        assertThat(reader.text()).endsWith("retry: 10\n\n");
      }
    }
  }

  private static HttpClient http2() {
    return HttpClient.newBuilder().version(HttpClient.Version.HTTP_2).build();
  }

  private HttpResponse<InputStream> openHttp2(HttpClient client, String path) throws Exception {
    HttpResponse<InputStream> response =
        client.send(door.request(path).GET().build(), BodyHandlers.ofInputStream());
    assertThat(response.version()).isEqualTo(HttpClient.Version.HTTP_2);
    return response;
  }

  @Test
  void an_http_2_client_that_does_not_read_is_dropped() throws Exception {
    String turn = door.turn(door.session(), "hi");
    HandProvider.Call call = door.provider.call();
    try (Socket stalled = new Socket(InetAddress.getLoopbackAddress(), door.http.port())) {
      stalled.getOutputStream().write(http2Get("/v1/turns/" + turn + "/events"));
      awaitUntil(() -> openStreams() == 1);
      for (int i = 0; i < 50; i++) {
        call.say("x".repeat(10_000));
      }
      call.say("last").finish();
      awaitUntil(() -> openStreams() == 0);
      assertThat(door.get("/livez").status()).isEqualTo(200);
    }
  }

  /** A connection that asks for one path and never opens its window of 65,535 bytes. */
  private static byte[] http2Get(String path) {
    ByteArrayOutputStream block = new ByteArrayOutputStream();
    block.write(0x82); // :method GET
    block.write(0x86); // :scheme http
    block.write(0x04); // :path, literal
    block.write(path.length());
    block.writeBytes(path.getBytes(ISO_8859_1));
    block.write(0x01); // :authority, literal
    block.write(9);
    block.writeBytes("localhost".getBytes(ISO_8859_1));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(ISO_8859_1));
    out.writeBytes(new byte[] {0, 0, 0, 4, 0, 0, 0, 0, 0}); // SETTINGS
    out.writeBytes(new byte[] {0, 0, (byte) block.size(), 1, 5, 0, 0, 0, 1}); // HEADERS, whole
    out.writeBytes(block.toByteArray());
    return out.toByteArray();
  }

  private int openStreams() {
    return (int) door.meters.get("perdure.stream.open").gauge().value();
  }

  private static void awaitUntil(BooleanSupplier condition) {
    long deadline = System.nanoTime() + Door.PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("still waiting").isLessThan(deadline);
      Thread.onSpinWait();
    }
  }
}
