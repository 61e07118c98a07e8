package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What finished turns leave behind in memory: nothing. */
@Order(2) // the long ones first, so that the others fill the gaps
class ManyTurnsTest {
  private static final int CLIENTS = 8;
  private static final int WARM_UP = 2_000;
  private static final int TURNS = 8_000;

  /** For each turn after the warm-up; a leak of the least of objects would be more. */
  private static final int BYTES = 100;

  /** What a collection finds differs by some hundred KB; a leak grows in every round. */
  private static final int ROUNDS = 3;

  private static final int LONG_TURNS = 250;
  private static final int CHARS = 50_000;
  private static final Pattern TOTAL = Pattern.compile("Total +\\d+ +(\\d+)");

  @TempDir Path data;

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void ten_thousand_finished_turns_leave_the_heap_flat() throws Exception {
    try (Server server = Server.setup().start(data)) {
      Api api = server.api();
      inParallel(() -> shortTurns(api, WARM_UP / CLIENTS));
      List<Long> grown = new ArrayList<>();
      for (int round = 0;
          round < ROUNDS && grown.stream().allMatch(ManyTurnsTest::leaks);
          round++) {
        long before = liveBytes(server);
        inParallel(() -> shortTurns(api, TURNS / CLIENTS));
        grown.add(liveBytes(server) - before);
      }
      assertThat(grown)
          .as("bytes more after each %d turns", TURNS)
          .anyMatch(bytes -> !leaks(bytes));
    }
  }

  private static boolean leaks(long bytes) {
    return bytes >= (long) TURNS * BYTES;
  }

  @Test
  void replies_of_a_hundred_megabytes_pass_through_a_heap_of_sixty_four() throws Exception {
    try (Server server = Server.setup().env(PerdureProcess.HEAP, "64m").start(data)) {
      Api api = server.api();
      List<Integer> sums = inParallel(() -> chars(api));
      assertThat(sums).hasSize(CLIENTS).containsOnly(LONG_TURNS * CHARS);
      assertThat(server.process().alive()).as("no OutOfMemoryError ended it").isTrue();
      assertThat(api.get("/readyz").status()).isEqualTo(200);
    }
  }

  private static List<Integer> inParallel(Callable<Integer> client) throws Exception {
    List<Integer> results = new ArrayList<>();
    try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<Integer> done : clients.invokeAll(Collections.nCopies(CLIENTS, client))) {
        results.add(done.get());
      }
    }
    return results;
  }

  /** Each is waited for, by the POST itself, and now and then followed. */
  private static int shortTurns(Api api, int count) {
    String session = "";
    for (int i = 0; i < count; i++) {
      if (i % 10 == 0) {
        session = api.createSession();
      }
      Api.Answer answer =
          api.submitRaw(session, Api.body(Prompts.say("ok", 0)), "Prefer", "wait=60");
      assertThat(answer.expect(200).json().path("state").asText()).isEqualTo("completed");
      if (i % 20 == 0) {
        api.follow(answer.json().path("turn").asText());
      }
    }
    return count;
  }

  private static int chars(Api api) {
    int chars = 0;
    for (int i = 0; i < LONG_TURNS; i++) {
      String turn = api.submit(api.createSession(), "/script chunks=50;size=1000;interval=0ms");
      chars += api.follow(turn).text().length();
    }
    return chars;
  }

  /** What is reachable in the heap of a server: the histogram collects before it counts. */
  private static long liveBytes(Server server) throws Exception {
    Path jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd");
    Process process =
        new ProcessBuilder(jcmd.toString(), "" + server.process().pid(), "GC.class_histogram")
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    Matcher total = TOTAL.matcher(output);
    assertThat(total.find()).as(output).isTrue();
    return Long.parseLong(total.group(1));
  }
}
