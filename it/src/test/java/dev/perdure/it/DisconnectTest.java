package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Leaving and coming back: what a closed tab, a reload or a lost network does to a reply. */
class DisconnectTest {
  private static final int WORDS = 60;
  private static final String TEXT = Prompts.words(WORDS);

  @TempDir static Path data;
  static Server server;
  static Api api;

  @BeforeAll
  static void start() {
    server = Server.setup().start(data);
    api = server.api();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @Test
  void a_reply_is_whole_whenever_all_its_clients_leave() {
    // accepted, started, attempt, part: the first token is event 4, the last WORDS + 3.
    for (int leaveAfter : new int[] {0, 4, WORDS / 2, WORDS + 2}) {
      String session = api.createSession();
      String turn = api.submit(session, Prompts.say(TEXT, 5));
      List<Transcript> tabs = List.of(new Transcript(), new Transcript(), new Transcript());
      tabs.parallelStream().forEach(tab -> api.read(turn, tab, event -> event.seq() == leaveAfter));

      assertThat(Api.text(api.messages(session).getFirst())).endsWith(TEXT);
      assertThat(api.awaitEnd(turn)).isEqualTo("completed");
      for (Transcript tab : tabs) {
        assertThat(Api.text(api.reply(session, turn))).isEqualTo(TEXT).startsWith(tab.text());
      }
    }
  }

  @Test
  void a_reply_that_nobody_ever_looks_at_is_written_and_the_question_is_there_at_once() {
    String session = api.createSession();
    String turn = api.submit(session, Prompts.say(TEXT, 5));

    assertThat(Api.text(api.messages(session).getFirst())).endsWith(TEXT);
    assertThat(api.awaitEnd(turn)).isEqualTo("completed");
    assertThat(Api.text(api.reply(session, turn))).isEqualTo(TEXT);
  }

  @Test
  void a_resume_at_any_event_brings_exactly_the_events_after_it() {
    // Reasoning and text, in two lanes, each tried twice.
    String turn =
        api.submit(
            api.createSession(),
            Prompts.say(Prompts.words(30), 0, "/think", "/error 529 at 20"),
            "demo/a",
            "demo/b");
    Transcript whole = api.follow(turn);
    assertThat(whole.events("attempt.started")).hasSize(4);
    assertThat(whole.events("part.started"))
        .extracting(e -> e.json().path("kind").asText())
        .contains("reasoning", "text");

    for (int after = -1; after < whole.lastSeq(); after++) {
      List<String> rest = new ArrayList<>();
      Transcript resumed = new Transcript();
      whole.events().stream()
          .limit(after + 1L)
          .forEach(e -> resumed.add(new Api.Frame("" + e.seq(), null, e.json().toString())));
      api.stream(
          "/v1/turns/" + turn + "/events",
          after < 0 ? null : Integer.toString(after),
          frame -> {
            rest.add(frame.data());
            resumed.add(frame);
            return false;
          });

      assertThat(rest)
          .isEqualTo(
              whole.events().stream().skip(after + 1L).map(e -> e.json().toString()).toList());
      assertThat(resumed.text(0)).isEqualTo(Prompts.words(30)).isEqualTo(resumed.text(1));
    }
  }

  @Test
  void five_tabs_that_come_and_go_all_end_with_the_stored_text() throws Exception {
    String session = api.createSession();
    String turn = api.submit(session, Prompts.say(Prompts.words(200), 4));
    try (ExecutorService tabs = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Transcript>> results = new ArrayList<>();
      for (int tab = 0; tab < 5; tab++) {
        Random random = new Random(tab);
        results.add(tabs.submit(() -> restlessTab(turn, random)));
      }
      String stored = null;
      for (Future<Transcript> result : results) {
        Transcript seen = result.get();
        if (stored == null) {
          stored = Api.text(api.reply(session, turn));
        }
        assertThat(seen.text()).isEqualTo(stored);
        assertThat(seen.events("turn.ended")).hasSize(1);
      }
      assertThat(stored).isEqualTo(Prompts.words(200));
    }
  }

  /** Connects again and again, each time for a few events, until it has seen the end. */
  private static Transcript restlessTab(String turn, Random random) {
    Transcript seen = new Transcript();
    while (!seen.ended()) {
      long leaveAfter = seen.lastSeq() + 1 + random.nextInt(40);
      api.read(turn, seen, event -> event.seq() >= leaveAfter);
    }
    return seen;
  }

  @Test
  void a_late_client_gets_the_state_so_far_and_then_the_rest() {
    String turn = api.submit(api.createSession(), Prompts.say(TEXT, 10));
    api.awaitText(turn, 40);
    AtomicBoolean first = new AtomicBoolean(true);
    StringBuilder text = new StringBuilder();
    List<Long> ids = new ArrayList<>();
    api.stream(
        "/v1/turns/" + turn + "/events?from=snapshot",
        null,
        frame -> {
          var json = Api.read(frame.data());
          ids.add(json.required("seq").longValue());
          if (first.getAndSet(false)) {
            assertThat(frame.event()).isEqualTo("snapshot");
            json.required("lanes")
                .required(0)
                .required("parts")
                .forEach(part -> text.append(part.required("text").textValue()));
          } else if (json.required("type").textValue().equals("part.delta")) {
            text.append(json.required("text").textValue());
          }
          return false;
        });

    assertThat(text.toString()).isEqualTo(TEXT);
    assertThat(ids.getFirst()).isGreaterThan(4);
    for (int i = 1; i < ids.size(); i++) {
      assertThat(ids.get(i)).isEqualTo(ids.getFirst() + i);
    }
  }
}
