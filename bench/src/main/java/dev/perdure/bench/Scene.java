package dev.perdure.bench;

import dev.perdure.bench.LoadResult.Cpu;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** The processes of one run, all new: the fake provider and a stack. Used by one thread. */
final class Scene implements AutoCloseable {
  private static final Pattern ADDRESS = Pattern.compile("http://([\\w.\\[\\]:]+:\\d+)");
  private static final String HTTP = "http://";

  private final Ground ground;
  private final Child provider;
  private final Stack stack;

  private Scene(Ground ground, Child provider, Stack stack) {
    this.ground = ground;
    this.provider = provider;
    this.stack = stack;
  }

  static Scene start(String target, int turns, LoadOptions options)
      throws IOException, InterruptedException {
    Ground ground = new Ground(options);
    boolean started = false;
    try {
      Child provider =
          ground.start(
              "fake-provider",
              List.of(Ground.java(), "-jar", PerdureStack.jar(), "fake-provider", "--port", "0"),
              Map.of());
      ground.upstream(HTTP + provider.awaitReady(ADDRESS));
      Scene scene = new Scene(ground, provider, stack(target, turns, ground));
      started = true;
      return scene;
    } finally {
      if (!started) {
        ground.close();
      }
    }
  }

  private static Stack stack(String target, int turns, Ground ground)
      throws IOException, InterruptedException {
    if (target.startsWith(HTTP)) {
      return ProxyStack.running(target.substring(HTTP.length()));
    }
    if (target.startsWith("jdbc:")) {
      return PerdureStack.onDatabase(ground, target);
    }
    return switch (target) {
      case LoadOptions.SQLITE -> PerdureStack.onSqlite(ground);
      case LoadOptions.POSTGRES -> PerdureStack.onPostgres(ground);
      case LoadOptions.PROXY -> ProxyStack.start(ground);
      case LoadOptions.CELERY -> CeleryStack.start(ground, turns);
      default -> throw new IllegalArgumentException("'" + target + "' is no target.");
    };
  }

  InetSocketAddress address() {
    return stack.address();
  }

  User user(Phase phase) {
    return stack.user(phase);
  }

  /** The server's JVM, to be looked into; empty if it is none, or not ours. */
  Optional<ProcessHandle> jvm() {
    return stack.servers().stream()
        .map(Child::handle)
        .filter(process -> process.info().command().orElse("").endsWith("java"))
        .findFirst();
  }

  boolean alive() {
    return stack.servers().stream().allMatch(Child::alive);
  }

  /** What those that have died have said; empty while all are alive. */
  Optional<String> deaths() throws IOException {
    for (Child server : stack.servers()) {
      if (!server.alive()) {
        return Optional.of(server.tail());
      }
    }
    return Optional.empty();
  }

  /** Resident memory of the servers in KiB. */
  long residentKib() {
    return stack.servers().stream()
        .mapToLong(server -> ProcessMeter.treeResidentKib(server.handle()))
        .sum();
  }

  Cpu cpu() {
    return new Cpu(
        stack.servers().stream()
            .mapToDouble(server -> ProcessMeter.treeCpuSeconds(server.handle()))
            .sum(),
        jvm().map(ProcessMeter::compilerSeconds).orElse(0.0),
        stack.databases().stream().mapToDouble(ProcessMeter::treeCpuSeconds).sum(),
        ProcessMeter.cpuSeconds(provider.handle()),
        ProcessMeter.cpuSeconds(ProcessHandle.current()),
        ProcessMeter.machineCpuSeconds());
  }

  @Override
  public void close() {
    ground.close();
  }
}
