package dev.perdure.it;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;

/**
 * Slow and hostile clients against a real server, while somebody else reads a reply. What they cost
 * is printed: the reader's p99 between words with and without them, and the server's memory. What
 * is asserted does not depend on the machine: the reader's text is whole, the server lives within
 * its heap, and afterwards nothing of them is left.
 */
@TestInstance(Lifecycle.PER_CLASS)
class HostileClientsTest {
  private static final String ANN = "annas-key-of-24-characters";
  private static final String MALLORY = "mallorys-key-of-24-chars--";
  private static final int WORDS = 150;
  private static final int PACE_MILLIS = 5;
  private static final int STREAMS_PER_CALLER = 300;
  private static final Pattern GAUGE = Pattern.compile("(?m)^perdure_stream_open ([0-9.E]+)");
  private static final Pattern REQUESTS =
      Pattern.compile("(?m)^perdure_http_requests_total ([0-9.E]+)");
  private static final Pattern HEAP =
      Pattern.compile("(?m)^jvm_memory_used_bytes\\{area=\"heap\".*} ([0-9.E]+)");

  @TempDir static Path data;
  private Server server;
  private Api api;
  private String longTurn;
  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  @BeforeAll
  void start() throws Exception {
    server =
        Server.setup()
            .env("PERDURE_API_KEYS", "acme/ann:" + ANN + ",evil/mallory:" + MALLORY)
            .env("PERDURE_HTTP_STREAM_MAX_PER_CALLER", "" + STREAMS_PER_CALLER)
            .env("PERDURE_HTTP_STREAM_HEARTBEAT", "1s")
            // Long enough for a well-behaved client on a slow machine.
            .env("PERDURE_HTTP_SOCKET_HEAD_TIMEOUT", "5s")
            // Long enough that all of a caller's stalled streams are there at the same time.
            .env("PERDURE_HTTP_SOCKET_WRITE_TIMEOUT", "20s")
            .env("PERDURE_HTTP_BODY_READ_TIMEOUT", "5s")
            .start(data);
    api = server.api();
    String session =
        api.post("/v1/sessions", "{}", bearer(MALLORY)).expect(201).json().path("id").asText();
    longTurn =
        Api.turnOf(api.submitRaw(session, Api.body("/pace 0ms\n/long 20000"), bearer(MALLORY)));
    Await.until(
        "a long reply",
        () ->
            api.get("/v1/turns/" + longTurn, bearer(MALLORY))
                    .json()
                    .path("state")
                    .asText()
                    .equals("completed")
                ? true
                : null);
    read();
  }

  @AfterAll
  void stop() {
    server.close();
  }

  private static String[] bearer(String key) {
    return new String[] {"Authorization", "Bearer " + key};
  }

  /** Has a reply written, reads it to its end, and returns the 99th percentile of the gaps. */
  private double read() throws IOException, InterruptedException {
    String session =
        api.post("/v1/sessions", "{}", bearer(ANN)).expect(201).json().path("id").asText();
    String text = Prompts.words(WORDS);
    String turn =
        Api.turnOf(api.submitRaw(session, Api.body(Prompts.say(text, PACE_MILLIS)), bearer(ANN)));
    List<Long> gaps = new ArrayList<>();
    Transcript transcript = new Transcript();
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(server.url() + "/v1/turns/" + turn + "/events"))
            .headers(bearer(ANN))
            .build();
    HttpResponse<InputStream> response = client.send(request, BodyHandlers.ofInputStream());
    long[] last = {System.nanoTime()};
    try (InputStream in = response.body()) {
      Frames.read(
          in,
          frame -> {
            if ("notice".equals(frame.event())) {
              return transcript.notice(frame);
            }
            long now = System.nanoTime();
            gaps.add(now - last[0]);
            last[0] = now;
            return transcript.add(frame).type().equals("turn.ended");
          });
    }
    assertThat(transcript.text()).isEqualTo(text);
    gaps.sort(null);
    return gaps.get(gaps.size() * 99 / 100) / 1e6;
  }

  private double metric(Pattern pattern) {
    Matcher matcher = pattern.matcher(api.get("/metrics", bearer(ANN)).expect(200).body());
    double sum = 0;
    while (matcher.find()) {
      sum += Double.parseDouble(matcher.group(1));
    }
    return sum;
  }

  /** The memory of the server's process, in MiB; 0 where the system does not say. */
  private long rssMib() throws IOException {
    Path status = Path.of("/proc/" + server.process().pid() + "/status");
    if (!Files.exists(status)) {
      return 0;
    }
    return Files.readAllLines(status).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024)
        .findFirst()
        .orElse(0);
  }

  private void attack(String name, int connections, Attack.Way way) throws Exception {
    attack(name, connections, 0, way);
  }

  /**
   * @param streams how many of the connections become streams that the server holds at the same
   *     time; 0 if that is not the point
   */
  private void attack(String name, int connections, int streams, Attack.Way way) throws Exception {
    double calm = read();
    long rssBefore = rssMib();
    double heapBefore = metric(HEAP);
    double requestsBefore = metric(REQUESTS);
    long begun = System.nanoTime();
    double hostile;
    long rssDuring;
    double heapDuring;
    double requestsPerSecond;
    try (Attack attack = Attack.begin(server.url(), connections, way)) {
      if (streams > 0) {
        Await.until(streams + " open streams", () -> metric(GAUGE) == streams ? true : null);
      }
      hostile = read();
      rssDuring = rssMib();
      heapDuring = metric(HEAP);
      requestsPerSecond = (metric(REQUESTS) - requestsBefore) / ((System.nanoTime() - begun) / 1e9);
      assertThat(attack.over()).isFalse();
    }
    Await.until("the end of all streams", () -> metric(GAUGE) == 0 ? true : null);
    assertThat(server.process().alive()).isTrue();
    System.out.printf(
        "%-28s %,6d connections: p99 between words %6.1f ms, calm %6.1f ms, ratio %5.2f;"
            + " %,.0f requests/s; RSS %d -> %d MiB, heap %.0f -> %.0f MiB%n",
        name,
        connections,
        hostile,
        calm,
        hostile / calm,
        requestsPerSecond,
        rssBefore,
        rssDuring,
        heapBefore / (1 << 20),
        heapDuring / (1 << 20));
  }

  @Test
  void silent_connections_harm_nobody() throws Exception {
    attack("silent connections", 1_000, Attack::silence);
  }

  @Test
  void readers_that_do_not_read_harm_nobody() throws Exception {
    attack(
        "stalled readers of one owner",
        STREAMS_PER_CALLER + 100,
        STREAMS_PER_CALLER,
        Attack.stall("/v1/turns/" + longTurn + "/events", MALLORY));
    attack(
        "stalled downloads", 1_000, Attack.stall("/v1/turns/" + longTurn + "/download", MALLORY));
    attack(
        "open inboxes of one owner",
        STREAMS_PER_CALLER + 100,
        STREAMS_PER_CALLER,
        Attack.stall("/v1/inbox/events", MALLORY));
  }

  @Test
  void heads_and_bodies_that_drip_harm_nobody() throws Exception {
    attack("dripping heads", 200, Attack.drip("GET /livez HTTP/1.1\r\nHost: localhost\r\nx: "));
    attack(
        "dripping bodies",
        200,
        Attack.drip(
            "POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                + MALLORY
                + "\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"));
  }

  @Test
  void garbage_harms_nobody() throws Exception {
    attack("garbage", 50, Attack::garbage);
  }

  @Test
  void floods_over_http_2_harm_nobody() throws Exception {
    attack("HTTP/2 rapid reset, first", 4, Attack::rapidReset);
    // What was slow because it ran for the first time is not any more.
    attack("HTTP/2 rapid reset", 4, Attack::rapidReset);
    attack("HTTP/2 streams", 4, Attack::streamFlood);
    attack("HTTP/2 continuations", 4, Attack::continuationFlood);
  }

  @Test
  void what_is_too_long_or_too_deep_is_refused_or_cut_off() throws Exception {
    String url = server.url();
    String host = "Host: localhost\r\nAuthorization: Bearer " + MALLORY + "\r\n";
    String million = "x".repeat(1_000_000);
    List<String> requests =
        List.of(
            "GET /" + million + " HTTP/1.1\r\n" + host + "\r\n",
            "GET /v1/turns/turn_" + "0".repeat(10_000) + " HTTP/1.1\r\n" + host + "\r\n",
            "GET /v1/sessions?cursor=" + "9".repeat(15_000) + " HTTP/1.1\r\n" + host + "\r\n",
            "GET /v1/inbox/events HTTP/1.1\r\n" + host + "Last-Event-ID: " + million + "\r\n\r\n",
            "GET /v1/inbox/events HTTP/1.1\r\n"
                + host
                + "Last-Event-ID: "
                + "a~".repeat(8_000)
                + "\r\n\r\n",
            "GET /livez HTTP/1.1\r\n" + host + "x: y\r\n".repeat(100_000) + "\r\n",
            post(host, "[".repeat(500_000)),
            post(host, "{\"title\":".repeat(100_000)),
            post(host, "{\"title\":\"" + million.repeat(2) + "\"}"),
            post(host, "{\"title\":" + "9".repeat(900_000) + "}"),
            "POST /v1/sessions HTTP/1.1\r\n"
                + host
                + "Content-Type: application/json\r\nContent-Length: 999999999999\r\n\r\n{",
            "POST /v1/sessions HTTP/1.1\r\n"
                + host
                + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                + ("10000\r\n" + "y".repeat(0x10000) + "\r\n").repeat(200));
    for (String request : requests) {
      Integer status = Attack.status(url, request.getBytes(US_ASCII));
      String name = request.substring(0, 40).strip();
      // Without an answer it was cut off in the middle, which is an answer too.
      assertThat(status == null ? 400 : status).as(name).isBetween(400, 431);
    }
    assertThat(api.get("/livez").status()).isEqualTo(200);
    read();
    assertThat(metric(HEAP)).isLessThan(384.0 * (1 << 20));
  }

  private static String post(String host, String body) {
    return "POST /v1/sessions HTTP/1.1\r\n"
        + host
        + "Content-Type: application/json\r\nContent-Length: "
        + body.length()
        + "\r\n\r\n"
        + body;
  }
}
