package dev.perdure.it.chaos;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;

/** All who use the servers: so many sessions at the same time, one after the other. Thread-safe. */
final class Crowd {
  /** Nobody comes in the same instant as everybody else. */
  private static final int ARRIVAL_MILLIS = 2_000;

  private final World world;
  private final Path histories;
  private final SplittableRandom random;
  private final ChaosOptions.Mix mix;
  private final ExecutorService threads;

  @GuardedBy("this")
  private final List<SessionUser> users = new ArrayList<>();

  Crowd(
      World world,
      Path histories,
      SplittableRandom random,
      ChaosOptions.Mix mix,
      ExecutorService threads) {
    this.world = world;
    this.histories = histories;
    this.random = random;
    this.mix = mix;
    this.threads = threads;
  }

  /** Begins; the world's calm ends it. */
  void start(int sessions) {
    for (int i = 0; i < sessions; i++) {
      String name = String.format("s%04d", i);
      SplittableRandom own = random.split();
      world.clients.incrementAndGet();
      threads.execute(() -> {
        try {
          sessions(name, own);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        } finally {
          world.clients.decrementAndGet();
        }
      });
    }
  }

  private void sessions(String slot, SplittableRandom own) throws InterruptedException {
    world.pause(own.nextInt(ARRIVAL_MILLIS));
    for (int n = 0; !world.isCalm(); n++) {
      String name = slot + "." + n;
      Recorder recorder = new Recorder(histories.resolve(name + ".jsonl"));
      SessionUser user = new SessionUser(world, name, recorder, own.split(), mix, threads);
      synchronized (this) {
        users.add(user);
      }
      user.use();
    }
  }

  synchronized List<SessionUser> users() {
    return List.copyOf(users);
  }
}
