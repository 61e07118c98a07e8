package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What finished turns leave behind in memory: nothing. */
class ManyTurnsTest {
  private static final int CLIENTS = 8;
  private static final int TURNS = 250;
  private static final int CHARS = 50_000;

  @TempDir Path data;

  @Test
  void replies_of_a_hundred_megabytes_pass_through_a_heap_of_sixty_four() throws Exception {
    try (Server server = Server.setup().env(PerdureProcess.HEAP, "64m").start(data);
        ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      Api api = server.api();
      List<Future<Integer>> sums = new ArrayList<>();
      for (int client = 0; client < CLIENTS; client++) {
        sums.add(clients.submit(() -> chars(api)));
      }
      for (Future<Integer> sum : sums) {
        assertThat(sum.get()).isEqualTo(TURNS * CHARS);
      }
      assertThat(server.process().alive()).as("no OutOfMemoryError ended it").isTrue();
      assertThat(api.get("/readyz").status()).isEqualTo(200);
    }
  }

  private static int chars(Api api) {
    int chars = 0;
    for (int i = 0; i < TURNS; i++) {
      String turn = api.submit(api.createSession(), "/script chunks=50;size=1000;interval=0ms");
      chars += api.follow(turn).text().length();
    }
    return chars;
  }
}
