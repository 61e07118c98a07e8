package dev.perdure.log;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.db.Database;
import dev.perdure.log.Follower.Batch;
import dev.perdure.log.Follower.Status;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * One writer and many followers, each on a thread of its own, by random schedules, on the writer's
 * node and on another.
 */
final class FollowerSchedules {
  private FollowerSchedules() {}

  /**
   * @param writes sizes of deltas; one that is divisible by three is flushed
   * @param seeds one follower each
   */
  static void run(Database database, LogLimits limits, List<Integer> writes, List<Long> seeds)
      throws InterruptedException, ExecutionException {
    try (TurnLog here = new TurnLog(database, "f1", limits);
        TurnLog there = new TurnLog(database, "f2", limits)) {
      String turn = TurnRows.queued(database, here);
      List<Future<byte[]>> followers = new ArrayList<>();
      try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
        for (long seed : seeds) {
          TurnLog log = seed % 2 == 0 ? here : there;
          Callable<byte[]> follower = () -> follow(log, turn, new Random(seed));
          followers.add(threads.submit(follower));
        }
        long epoch = TurnRows.claim(here, turn, "f1");
        TurnWriter writer = Logs.begin(here, turn, epoch, () -> {});
        for (int size : writes) {
          writer.append(Logs.delta("ö".repeat(size)));
          if (size % 3 == 0) {
            writer.awaitDurable();
          }
        }
        Logs.complete(writer, turn, epoch, "f1");
      }
      byte[] stored = Logs.stored(database, turn);
      assertThat(Logs.lines(stored)).hasSize(writes.size() + 5);
      for (Future<byte[]> follower : followers) {
        assertThat(follower.get()).isEqualTo(stored);
      }
      assertThat(here.turnsInMemory() + there.turnsInMemory()).isZero();
    }
  }

  /** Reads to the end: waits short and long, is woken, leaves and comes again. */
  private static byte[] follow(TurnLog log, String turn, Random random)
      throws InterruptedException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    long position = -1;
    while (true) {
      try (Follower follower = log.follow(turn, position)) {
        for (int steps = random.nextInt(12); steps >= 0; steps--) {
          if (random.nextInt(4) == 0) {
            follower.wake();
          }
          Batch batch = follower.next(Duration.ofMillis(random.nextInt(10)));
          if (batch.status() == Status.ENDED) {
            return out.toByteArray();
          }
          if (batch.status() == Status.DATA) {
            Logs.write(batch, position, out);
            position = follower.position();
          }
        }
      }
    }
  }
}
