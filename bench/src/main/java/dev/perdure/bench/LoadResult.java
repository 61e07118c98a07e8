package dev.perdure.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The outcome of one run.
 *
 * @param load the machine's load average just before the run
 * @param seconds from the first message to the end of the last stream
 * @param cpu of the measured phase
 * @param resume from a request for the rest of a running reply to the first byte of it
 * @param memory null if it was not measured
 */
record LoadResult(
    String target,
    int turns,
    LoadOptions options,
    double load,
    double seconds,
    Tally tally,
    Cpu cpu,
    Latencies resume,
    @Nullable Memory memory) {

  /**
   * CPU seconds, by process, and of the whole machine. The driver runs on one thread. The compiler
   * is a part of the server.
   */
  record Cpu(
      double server,
      double compiler,
      double database,
      double provider,
      double driver,
      double machine) {
    Cpu minus(Cpu before) {
      return new Cpu(
          server - before.server,
          compiler - before.compiler,
          database - before.database,
          provider - before.provider,
          driver - before.driver,
          machine - before.machine);
    }

    /** What is not ours: of these rows only those with little of it can be compared. */
    double others() {
      return machine - server - database - provider - driver;
    }
  }

  /**
   * KiB of the server: resident after the start and at the peak, live heap (after a collection)
   * without and with all turns active.
   */
  record Memory(long residentIdle, long residentPeak, long heapIdle, long heapBusy) {}

  /** CPU seconds of server and database for a million chunks delivered. */
  double cpuPerMillion() {
    return perMillion(cpu.server + cpu.database);
  }

  private double perMillion(double seconds) {
    return tally.chunks == 0 ? Double.NaN : seconds * 1e6 / tally.chunks;
  }

  /** The server under test, as the table calls it. */
  private String name() {
    String followers = options.followers() > 1 ? " × " + options.followers() + " followers" : "";
    return (target.startsWith("jdbc:") ? "external PostgreSQL" : target) + followers;
  }

  ObjectNode json() {
    ObjectNode out = Json.MAPPER.createObjectNode();
    out.put("target", name()).put("turns", turns).put("chunksPerTurn", options.chunks());
    out.put("intervalMs", options.intervalMillis()).put("followers", options.followers());
    out.put("model", options.model()).put("loadBefore", load).put("seconds", seconds);
    out.put("chunks", tally.chunks).put("events", tally.events).put("bytes", tally.bytes);
    percentiles(out, "added", tally.added);
    percentiles(out, "ack", tally.ack);
    percentiles(out, "firstChunk", tally.first);
    if (resume.count() > 0) {
      percentiles(out, "resume", resume);
    }
    out.putObject("cpuSeconds")
        .put("server", cpu.server)
        .put("compiler", cpu.compiler)
        .put("database", cpu.database)
        .put("provider", cpu.provider)
        .put("driver", cpu.driver);
    out.putObject("cpuSecondsPerMillion")
        .put("server", perMillion(cpu.server))
        .put("compiler", perMillion(cpu.compiler))
        .put("database", perMillion(cpu.database))
        .put("provider", perMillion(cpu.provider))
        .put("driver", perMillion(cpu.driver));
    out.put("coresUsedByOthers", cpu.others() / seconds);
    if (memory != null) {
      out.putObject("memoryKib")
          .put("residentIdle", memory.residentIdle)
          .put("residentPeak", memory.residentPeak)
          .put("heapIdle", memory.heapIdle)
          .put("heapBusy", memory.heapBusy);
      out.putObject("kibPerTurn")
          .put("heap", (double) (memory.heapBusy - memory.heapIdle) / turns)
          .put("resident", (double) (memory.residentPeak - memory.residentIdle) / turns);
    }
    out.put("gaps", tally.gaps).put("duplicates", tally.duplicates);
    out.put("differing", tally.differing).put("failed", tally.failed());
    out.put("attempts", tally.attempts);
    ObjectNode failures = out.putObject("failures");
    for (Map.Entry<String, Integer> failure : tally.failures().entrySet()) {
      failures.put(failure.getKey(), failure.getValue());
    }
    return out;
  }

  private static void percentiles(ObjectNode out, String name, Latencies latencies) {
    out.putObject(name + "Ms")
        .put("p50", latencies.millis(0.5))
        .put("p99", latencies.millis(0.99))
        .put("max", latencies.maxMillis())
        .put("count", latencies.count());
  }
}
