package dev.perdure.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.bench.LoadResult.Cpu;
import dev.perdure.bench.LoadResult.Memory;
import dev.perdure.protocol.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Runs a server, a database and a fake provider as processes of their own, lets many users ask at
 * once and follow their replies, and says what it took. Everything else that runs on the machine is
 * in the way: latencies suffer first, CPU seconds least.
 *
 * <p>A run has three phases, each with new sessions: one to warm up, one that is measured, and one
 * in the middle of which the heap is collected and measured, and where each reply is then resumed
 * once over a new connection.
 */
final class LoadDriver {
  private static final int PREPARED_AT_ONCE = 32;
  private static final long PREPARE_MILLIS = 60_000;
  private static final long SLACK_MILLIS = 60_000;
  private static final long SETTLE_MILLIS = 1000;
  private static final int WARMUP_INTERVAL_MILLIS = 5;
  private static final long SAMPLE_MILLIS = 250;

  /** After the pause that the collection of the heap has been. */
  private static final long RESUME_AFTER_NANOS = 2_000_000_000;

  private static final long RESUME_OVER_NANOS = 4_000_000_000L;

  /** Called around the measured phase. */
  interface Watcher {
    void measuring(Scene scene) throws IOException, InterruptedException;

    void measured(Scene scene) throws IOException, InterruptedException;
  }

  static final Watcher NONE =
      new Watcher() {
        @Override
        public void measuring(Scene scene) {}

        @Override
        public void measured(Scene scene) {}
      };

  private final LoadOptions options;
  private final Watcher watcher;

  LoadDriver(LoadOptions options, Watcher watcher) {
    this.options = options;
    this.watcher = watcher;
  }

  /** All runs of the options, with a table on standard output. */
  int run() throws IOException, InterruptedException {
    boolean good = true;
    List<JsonNode> results = new ArrayList<>();
    for (int run = 1; run <= options.runs(); run++) {
      for (int turns : options.turns()) {
        for (String target : options.targets()) {
          System.err.printf("perdure bench: run %d, %d turns on %s …%n", run, turns, target);
          LoadResult result = run(target, turns);
          results.add(result.json());
          good &= report(result);
        }
      }
    }
    System.out.print(Table.of(results));
    return good ? 0 : 1;
  }

  private boolean report(LoadResult result) throws IOException {
    Tally tally = result.tally();
    System.err.printf(
        Locale.ROOT,
        "  %.1f s, added %.1f/%.1f ms, ack %.1f/%.1f ms, %.1f CPU-s per million%n",
        result.seconds(),
        tally.added.millis(0.5),
        tally.added.millis(0.99),
        tally.ack.millis(0.5),
        tally.ack.millis(0.99),
        result.cpuPerMillion());
    for (Map.Entry<String, Integer> failure : tally.failures().entrySet()) {
      System.err.println("  " + failure.getValue() + " × " + failure.getKey());
    }
    if (options.json() != null) {
      Files.writeString(
          options.json(),
          Json.text(result.json()) + "\n",
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
    }
    return tally.failed() + tally.gaps + tally.duplicates + tally.differing == 0;
  }

  LoadResult run(String target, int turns) throws IOException, InterruptedException {
    double load = ProcessMeter.loadAverage().orElse(Double.NaN);
    try (Scene scene = Scene.start(target, turns, options);
        ClientLoop loop = new ClientLoop()) {
      long residentIdle = scene.residentKib();
      int perTurn = options.warmupChunks() / turns;
      if (perTurn > 0) {
        Running warm = new Running(scene, loop, turns, perTurn, WARMUP_INTERVAL_MILLIS);
        warm.prepare();
        warm.ask();
        warm.close();
        loop.run(() -> false, SETTLE_MILLIS);
      }
      Running measured =
          new Running(scene, loop, turns, options.chunks(), options.intervalMillis());
      measured.prepare();
      watcher.measuring(scene);
      Cpu before = scene.cpu();
      long start = System.nanoTime();
      measured.ask();
      double seconds = (System.nanoTime() - start) / 1e9;
      Cpu used = scene.cpu().minus(before);
      watcher.measured(scene);
      measured.verify();
      measured.close();
      Memory memory = null;
      Latencies resume = new Latencies();
      if (options.memory()) {
        long heapIdle = heap(scene);
        Running third = new Running(scene, loop, turns, options.chunks(), options.intervalMillis());
        third.prepare();
        third.busyTask = () -> heap(scene);
        third.resumes = true;
        third.ask();
        resume = third.tally.resume;
        third.close();
        memory =
            new Memory(residentIdle, measured.peakKib, heapIdle, Math.max(0, third.busyResult));
      }
      return new LoadResult(
          target, turns, options, load, seconds, measured.tally, used, resume, memory);
    }
  }

  private static long heap(Scene scene) {
    return scene.jvm().map(jvm -> Jcmd.liveHeapKib(jvm.pid())).orElse(0L);
  }

  /** One phase under way. */
  private final class Running {
    private final Scene scene;
    private final ClientLoop loop;
    private final Tally tally = new Tally();
    private final Phase phase;
    private final List<User> users = new ArrayList<>();
    private java.util.function.LongSupplier busyTask = () -> -1;
    private long busyResult = -1;
    private boolean resumes;
    private long peakKib;

    Running(Scene scene, ClientLoop loop, int turns, int chunks, int intervalMillis) {
      this.scene = scene;
      this.loop = loop;
      this.phase =
          new Phase(
              loop,
              scene.address(),
              options.model(),
              chunks,
              intervalMillis,
              options.followers(),
              tally,
              new Phase.Counts());
      for (int i = 0; i < turns; i++) {
        users.add(scene.user(phase));
      }
    }

    /** Connections and sessions: not a part of what is measured. */
    void prepare() throws IOException {
      for (int i = 0; i < users.size(); i++) {
        users.get(i).prepare();
        int least = i - PREPARED_AT_ONCE;
        await("sessions", () -> phase.counts().ready > least, PREPARE_MILLIS);
      }
      await("sessions", () -> phase.counts().ready == users.size(), PREPARE_MILLIS);
    }

    void ask() throws IOException {
      long start = System.nanoTime();
      long ramp = options.rampMillis() * 1_000_000L;
      for (int i = 0; i < users.size(); i++) {
        loop.at(start + ramp * i / users.size(), users.get(i)::ask);
      }
      long length = (long) phase.chunks() * phase.intervalMillis();
      long middle = (ramp + length * 1_000_000) / 2;
      loop.at(start + middle, () -> busyResult = busyTask.getAsLong());
      long resumeFrom = start + middle + RESUME_AFTER_NANOS;
      for (int i = 0; resumes && i < users.size(); i++) {
        loop.at(resumeFrom + RESUME_OVER_NANOS * i / users.size(), users.get(i)::resume);
      }
      sample();
      long limit = options.rampMillis() + length * 2 + SLACK_MILLIS;
      await("ends of turns", () -> phase.counts().ended == users.size(), limit);
    }

    private void sample() {
      peakKib = Math.max(peakKib, scene.residentKib());
      if (phase.counts().ended < users.size()) {
        loop.after(SAMPLE_MILLIS, this::sample);
      }
    }

    void verify() throws IOException {
      users.forEach(User::verify);
      await("messages", () -> phase.counts().verified == users.size(), PREPARE_MILLIS);
    }

    void close() {
      users.forEach(User::close);
    }

    private void await(String what, java.util.function.BooleanSupplier done, long limitMillis)
        throws IOException {
      if (!loop.run(() -> done.getAsBoolean() || !scene.alive(), limitMillis)) {
        for (int i = phase.counts().ended; i < users.size(); i++) {
          tally.failure("Timed out waiting for " + what);
        }
      }
      Optional<String> last = scene.deaths();
      if (last.isPresent()) {
        throw new IOException("The server has died:\n" + last.get());
      }
    }
  }
}
