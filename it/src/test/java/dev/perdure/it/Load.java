package dev.perdure.it;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/** Clients that submit as fast as they can. */
final class Load {
  private Load() {}

  /**
   * Submits short turns from several clients and kills the server once that many are accepted.
   * Returns the turns for which there was a 202.
   */
  static List<String> submitUntilDead(Api api, Server server, int clients, int killAfter) {
    List<String> accepted = Collections.synchronizedList(new ArrayList<>());
    AtomicInteger count = new AtomicInteger();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int client = 0; client < clients; client++) {
        threads.execute(() -> {
          try {
            while (true) {
              Api.Answer answer =
                  api.submitRaw(api.createSession(), Api.body(Prompts.say("a b c d", 2)));
              if (answer.status() == 429) {
                continue;
              }
              accepted.add(Api.turnOf(answer));
              if (count.incrementAndGet() == killAfter) {
                server.kill();
              }
            }
          } catch (Api.Unreachable e) {
            // Killed, as it should be; whatever was accepted before is in the list.
          }
        });
      }
    }
    return List.copyOf(accepted);
  }
}
