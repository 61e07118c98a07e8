package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What finished turns leave behind in memory: nothing. */
class ManyTurnsTest {
  private static final int CLIENTS = 8;
  private static final int WARM_UP = 2_000;
  private static final int TURNS = 8_000;

  /** For each turn after the warm-up; a leak of the least of objects would be more. */
  private static final int BYTES = 100;

  /** Classes that are named if the heap grows. */
  private static final int NAMED = 12;

  private static final int LONG_TURNS = 250;
  private static final int CHARS = 50_000;

  /** What G1 fills gaps with is counted, and is a megabyte more or less. */
  private static final String FILLER = "[Ljdk.internal.vm.FillerElement;";

  private static final Pattern CLASS = Pattern.compile("(?m)^ *\\d+: +\\d+ +(\\d+)  (\\S+)");

  @TempDir Path data;

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void ten_thousand_finished_turns_leave_the_heap_flat() throws Exception {
    try (Server server = Server.setup().start(data)) {
      Api api = server.api();
      inParallel(() -> shortTurns(api, WARM_UP / CLIENTS));
      Map<String, Long> before = liveBytes(server);
      inParallel(() -> shortTurns(api, TURNS / CLIENTS));
      Map<String, Long> after = liveBytes(server);
      assertThat(sum(after) - sum(before))
          .as("bytes more after %d turns: %s", TURNS, growth(before, after))
          .isLessThan((long) TURNS * BYTES);
    }
  }

  private static long sum(Map<String, Long> bytes) {
    return bytes.values().stream().mapToLong(Long::longValue).sum();
  }

  /** What has grown most, the most first. */
  private static String growth(Map<String, Long> before, Map<String, Long> after) {
    return after.entrySet().stream()
        .map(each ->
            Map.entry(each.getKey(), each.getValue() - before.getOrDefault(each.getKey(), 0L)))
        .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
        .limit(NAMED)
        .map(each -> each.getKey() + " +" + each.getValue())
        .collect(Collectors.joining(", "));
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

  /** What is reachable in the heap of a server, by class: the histogram collects, then counts. */
  private static Map<String, Long> liveBytes(Server server) throws Exception {
    Path jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd");
    Process process =
        new ProcessBuilder(jcmd.toString(), "" + server.process().pid(), "GC.class_histogram")
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    Map<String, Long> bytes = new HashMap<>();
    Matcher line = CLASS.matcher(output);
    while (line.find()) {
      bytes.merge(line.group(2), Long.parseLong(line.group(1)), Long::sum);
    }
    assertThat(bytes).as(output).isNotEmpty();
    bytes.remove(FILLER);
    return bytes;
  }
}
