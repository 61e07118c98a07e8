package dev.perdure.bench;

import dev.perdure.bench.BenchDatabase.Held;
import dev.perdure.log.Follower;
import dev.perdure.log.Follower.Batch;
import dev.perdure.log.TurnWriter;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.PartDelta;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * The log from append to follower, one event being one operation: many turns that write at once,
 * and one turn with many followers. The databases wait for the disk.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class LogBenchmark {
  private static final int EVENTS = 20_000;
  private static final int FOLLOWED_EVENTS = 500;
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final TurnEvent DELTA = new PartDelta(0, 1, 0, " answer");

  @Param({"sqlite", "postgres"})
  public String database = "";

  /** Turns that write at once, or followers of one turn. */
  @Param({"1", "100", "500"})
  public int many;

  private @Nullable BenchDatabase open;

  @Setup
  public void start() throws IOException {
    open = BenchDatabase.open(database);
  }

  @TearDown(Level.Trial)
  public void stop() {
    database().close();
  }

  private BenchDatabase database() {
    if (open == null) {
      throw new IllegalStateException("JMH has not called start()");
    }
    return open;
  }

  /** New turns, which are not a part of what is measured. */
  @State(Scope.Benchmark)
  public static class Writers {
    private final List<TurnWriter> writers = new ArrayList<>();

    @Setup(Level.Invocation)
    public void open(LogBenchmark benchmark) {
      for (int i = 0; i < benchmark.many; i++) {
        writers.add(benchmark.database().newTurn().writer());
      }
    }

    @TearDown(Level.Invocation)
    public void close() {
      writers.forEach(TurnWriter::close);
      writers.clear();
    }
  }

  /** Each turn appends its share as fast as it can; all is durable at the end. */
  @Benchmark
  @OperationsPerInvocation(EVENTS)
  public void append(Writers turns) throws InterruptedException {
    CountDownLatch done = new CountDownLatch(many);
    for (TurnWriter writer : turns.writers) {
      Thread.ofVirtual()
          .start(() -> {
            for (int n = 0; n < EVENTS / many; n++) {
              writer.append(DELTA);
            }
            writer.awaitDurable();
            done.countDown();
          });
    }
    done.await();
  }

  /** One turn, written event by event, each followed by all; time for each event, not each copy. */
  @Benchmark
  @OperationsPerInvocation(FOLLOWED_EVENTS)
  public void followers() throws InterruptedException {
    Held held = database().newTurn();
    CountDownLatch done = new CountDownLatch(many);
    try (TurnWriter writer = held.writer()) {
      for (int i = 0; i < many; i++) {
        Thread.ofVirtual().start(() -> follow(held.turn(), done));
      }
      for (int n = 0; n < FOLLOWED_EVENTS; n++) {
        writer.append(DELTA);
        writer.awaitDurable();
      }
      done.await();
    }
  }

  private void follow(String turn, CountDownLatch done) {
    long last = FOLLOWED_EVENTS + 3;
    try (Follower follower = database().log().follow(turn, -1)) {
      while (follower.position() < last) {
        Batch batch = follower.next(PATIENCE);
        if (batch.status() != Follower.Status.DATA) {
          throw new IllegalStateException("A follower got " + batch.status());
        }
      }
      done.countDown();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
