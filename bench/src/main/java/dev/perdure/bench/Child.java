package dev.perdure.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A process that the driver has started and ends. Its output goes to a file. Thread-safe as far as
 * {@link #close} is concerned: a shutdown hook calls it too.
 */
final class Child implements AutoCloseable {
  private static final long READY_SECONDS = 60;
  private static final long STOP_SECONDS = 20;
  private static final long POLL_MILLIS = 20;
  private static final int SHOWN_LINES = 20;

  private final String name;
  private final Process process;
  private final Path log;
  private final Thread hook;

  private Child(String name, Process process, Path log) {
    this.name = name;
    this.process = process;
    this.log = log;
    this.hook = Thread.ofPlatform().unstarted(process::destroy);
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /**
   * @param environment in addition to the driver's own
   */
  static Child start(String name, List<String> command, Map<String, String> environment, Path dir)
      throws IOException {
    Path log = dir.resolve(name + ".log");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().putAll(environment);
    return new Child(name, builder.start(), log);
  }

  /** Waits for a line that says that it is ready; returns what the pattern's group has found. */
  String awaitReady(Pattern ready) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(READY_SECONDS);
    while (System.nanoTime() - deadline < 0) {
      Matcher matcher = ready.matcher(Files.readString(log));
      if (matcher.find()) {
        return matcher.group(1);
      }
      if (process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
        throw new IOException("The " + name + " ended at once:\n" + tail());
      }
    }
    throw new IOException("The " + name + " is not ready:\n" + tail());
  }

  /** The end of its output. */
  String tail() throws IOException {
    try (Stream<String> lines = Files.lines(log)) {
      List<String> all = lines.toList();
      return String.join("\n", all.subList(Math.max(0, all.size() - SHOWN_LINES), all.size()));
    }
  }

  ProcessHandle handle() {
    return process.toHandle();
  }

  boolean alive() {
    return process.isAlive();
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    } catch (IllegalStateException e) {
      // The JVM is shutting down; the hook does the same.
    }
  }
}
