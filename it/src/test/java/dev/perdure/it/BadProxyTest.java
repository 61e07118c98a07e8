package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Streams through what stands between clients and servers. Times are a fiftieth of those of the
 * world: a heartbeat every 300 ms instead of 15 s, silence of 2.4 s instead of two minutes, proxies
 * that cut after 600 ms instead of 30 s.
 */
class BadProxyTest {
  private static final Pattern ANYTHING = Pattern.compile("(.)");
  private static final Duration IDLE = Duration.ofMillis(600);
  private static final Duration SHORTER_THAN_A_HEARTBEAT = Duration.ofMillis(150);
  private static final String TEXT = Prompts.words(80);
  private static final String SILENT = Prompts.say(TEXT, 2, "/stall 2400ms at 40");

  @TempDir static Path data;
  @TempDir Path state;
  static Server server;

  @BeforeAll
  static void start() {
    server = Server.setup().env("PERDURE_HTTP_STREAM_HEARTBEAT", "300ms").start(data);
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @Test
  void a_silent_reply_survives_proxies_that_buffer_and_cut_what_is_idle() throws Exception {
    Api direct = server.api();
    String session = direct.createSession();
    String turn = direct.submit(session, SILENT);
    try (Gateway patient = gateway(Gateway.Habits.buffering(IDLE));
        Gateway hasty = gateway(Gateway.Habits.buffering(SHORTER_THAN_A_HEARTBEAT))) {
      List<CompletableFuture<Transcript>> readers = new ArrayList<>();
      for (Gateway gateway : List.of(patient, hasty)) {
        readers.add(
            CompletableFuture.supplyAsync(
                () -> new Api(gateway.url()).followThrough(turn, new Transcript())));
      }
      for (CompletableFuture<Transcript> reader : readers) {
        assertThat(reader.get(60, TimeUnit.SECONDS).text()).isEqualTo(TEXT);
      }
      assertThat(hasty.opened()).as("connections through what cuts too early").isGreaterThan(1);
      assertThat(Api.text(direct.reply(session, turn))).isEqualTo(TEXT);
    }
  }

  @Test
  void ten_tabs_are_live_over_the_six_connections_of_a_browser() throws Exception {
    int tabs = 10;
    String text = Prompts.words(40);
    try (Gateway browser = gateway(new Gateway.Habits(0, Duration.ofMinutes(1), 6, 0))) {
      Api api = new Api(browser.url());
      Map<String, Transcript> seen = new ConcurrentHashMap<>();
      Map<String, String> sessions = new LinkedHashMap<>();
      // Its first event says that the stream is open: what begins afterwards is all in it.
      String first = api.submit(api.createSession(), Prompts.say(Prompts.words(2_000), 20));
      AtomicInteger left = new AtomicInteger(tabs);
      CountDownLatch open = new CountDownLatch(1);
      CompletableFuture<Void> stream =
          CompletableFuture.runAsync(() ->
              api.stream(
                  "/v1/inbox/events",
                  null,
                  frame -> {
                    open.countDown();
                    return dispatch(frame, seen, left);
                  }));
      assertThat(open.await(60, TimeUnit.SECONDS)).isTrue();
      for (int tab = 0; tab < tabs; tab++) {
        String session = api.createSession();
        String turn = api.submit(session, Prompts.say(text, 25));
        sessions.put(turn, session);
      }
      // Requests go on beside it.
      for (String turn : sessions.keySet()) {
        assertThat(api.awaitEnd(turn)).isEqualTo("completed");
      }
      stream.get(60, TimeUnit.SECONDS);
      api.cancel(first);
      seen.remove(first);
      assertThat(seen.keySet()).isEqualTo(sessions.keySet());
      assertThat(seen.values()).extracting(Transcript::text).containsOnly(text);
      sessions.forEach((turn, session) ->
          assertThat(Api.text(server.api().reply(session, turn))).isEqualTo(text));
    }
  }

  /** Gives an event to its tab; true once that many have come to their ends. */
  private static boolean dispatch(
      Api.Frame frame, Map<String, Transcript> seen, AtomicInteger left) {
    JsonNode json = Api.read(frame.data());
    JsonNode event = json.path("event");
    if (event.has("seq")) {
      Transcript tab = seen.computeIfAbsent(json.path("turn").asText(), turn -> new Transcript());
      tab.add(new Api.Frame(event.path("seq").asText(), null, event.toString()));
      return tab.ended() && left.decrementAndGet() == 0;
    }
    return false;
  }

  @Test
  void a_client_whose_end_of_a_reply_is_dropped_on_the_way_asks_again_and_is_done() {
    try (Gateway lossy = gateway(new Gateway.Habits(0, Duration.ofMinutes(1), 1_000, 2))) {
      try (PerdureProcess chat = chat(lossy.url(), Prompts.say(TEXT, 5))) {
        assertThat(chat.awaitExit()).as(chat.output()).isZero();
        assertThat(chat.output()).contains("w79");
      }
      assertThat(lossy.dropped()).isEqualTo(2);
    }
  }

  @Test
  void a_client_whose_gateway_dies_goes_on_when_it_is_back() {
    String session = server.api().createSession();
    try (Gateway mortal = gateway(Gateway.Habits.GOOD);
        PerdureProcess chat = chat(mortal.url(), "--session", session, Prompts.say(TEXT, 25))) {
      String turn =
          Await.until(
              "the turn",
              () ->
                  server.api().messages(session).stream()
                      .map(m -> m.path("turn").asText())
                      .findFirst()
                      .orElse(null));
      server.api().awaitText(turn, 40);
      mortal.die();
      server.api().awaitText(turn, 120);
      mortal.rise();
      assertThat(chat.awaitExit()).as(chat.output()).isZero();
      assertThat(chat.output()).contains("w79");
    }
  }

  private static Gateway gateway(Gateway.Habits habits) {
    return new Gateway(server.url(), habits);
  }

  private PerdureProcess chat(String url, String... args) {
    List<String> all = new ArrayList<>(List.of("chat", "--url", url));
    all.addAll(List.of(args));
    return PerdureProcess.launch(Map.of("XDG_STATE_HOME", state.toString()), ANYTHING, all);
  }
}
