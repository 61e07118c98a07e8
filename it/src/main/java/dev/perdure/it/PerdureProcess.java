package dev.perdure.it;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The packaged program as a process of its own. It is ended by {@link #close()}, and by the {@link
 * Reaper} if that is never reached. Thread-safe.
 */
public final class PerdureProcess implements AutoCloseable {
  /** Generous: several JVMs may be starting on few cores. */
  private static final Duration READY_WITHIN = Duration.ofMinutes(2);

  private static final Duration ENDED_WITHIN = Duration.ofMinutes(2);

  /** Not a variable of the program: how large its heap may grow. */
  public static final String HEAP = "IT_HEAP";

  /** Not a variable of the program: that {@link #type} is used, so that its input stays open. */
  public static final String TYPED = "IT_TYPED";

  private final Process process;
  private final @Nullable Path log;
  private final StringBuilder output = new StringBuilder(); // guarded by itself
  private final Thread reader;
  private final CompletableFuture<String> ready = new CompletableFuture<>();

  private PerdureProcess(Process process, Pattern readyLine, @Nullable Path log) {
    this.process = process;
    this.log = log;
    this.reader = Thread.ofVirtual().name("output").start(() -> read(readyLine));
  }

  /**
   * Starts the program without waiting for it.
   *
   * @param readyLine finds, in the line that says that it is ready, its address as group 1
   */
  public static PerdureProcess launch(
      Map<String, String> env, Pattern readyLine, List<String> args) {
    return launch(env, readyLine, args, null);
  }

  /**
   * The same, for a process that may print much.
   *
   * @param log the file at whose end its output is written; null to keep it in memory
   */
  public static PerdureProcess launch(
      Map<String, String> env, Pattern readyLine, List<String> args, @Nullable Path log) {
    return launch(env, readyLine, args, log, ClassArchive.options(jar()));
  }

  /**
   * @param options of the JVM, besides those that all of these processes have
   */
  static PerdureProcess launch(
      Map<String, String> env,
      Pattern readyLine,
      List<String> args,
      @Nullable Path log,
      List<String> options) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xmx" + env.getOrDefault(HEAP, "384m"),
            "-XX:+ExitOnOutOfMemoryError"));
    command.addAll(options);
    command.add("-jar");
    command.add(jar().toString());
    command.addAll(args);
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    // What the tester has set for a server of his own must not reach the ones under test.
    builder
        .environment()
        .keySet()
        .removeIf(name ->
            name.startsWith("PERDURE_")
                || name.startsWith("OPENAI_")
                || name.startsWith("ANTHROPIC_")
                || name.startsWith("GEMINI_")
                || name.equals("JAVA_TOOL_OPTIONS"));
    builder.environment().putAll(env);
    try {
      Process process = builder.start();
      long pid = process.pid();
      Reaper.watch(pid);
      // However it ends: its id may soon be that of somebody else's process.
      var _ = process.onExit().thenRun(() -> Reaper.forget(pid));
      if (!env.containsKey(TYPED)) {
        process.getOutputStream().close();
      }
      return new PerdureProcess(process, readyLine, log);
    } catch (IOException e) {
      throw new AssertionError("Cannot start " + command, e);
    }
  }

  /** The jar that {@code ./perdure start} would run. */
  public static Path jar() {
    Path jar =
        Path.of(System.getProperty("perdure.jar", "../server/target/perdure.jar"))
            .toAbsolutePath()
            .normalize();
    if (!Files.exists(jar)) {
      throw new AssertionError(
          jar + " is missing. Run these tests with './perdure test --module it'.");
    }
    return jar;
  }

  /** Types a line. */
  public void type(String line) {
    try {
      process.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
      process.getOutputStream().flush();
    } catch (IOException e) {
      throw new UncheckedIOException("Its input is closed", e);
    }
  }

  /** Waits for the line that says it is ready, and returns the address in it. */
  public String awaitReady() {
    try {
      return ready.get(READY_WITHIN.toSeconds(), TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    } catch (TimeoutException | java.util.concurrent.ExecutionException e) {
      throw new AssertionError("The process did not get ready. It printed:\n" + output(), e);
    }
  }

  /** Whether the line that says it is ready has come and the process has not ended since. */
  public boolean ready() {
    return ready.isDone() && !ready.isCompletedExceptionally() && alive();
  }

  /** What it has printed so far, standard output and error together. */
  public String output() {
    synchronized (output) {
      return log == null ? output.toString() : "see " + log;
    }
  }

  private void print(String line) {
    synchronized (output) {
      if (log == null) {
        output.append(line).append('\n');
        return;
      }
      try {
        Files.writeString(log, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      } catch (IOException e) {
        throw new UncheckedIOException("The output of a process cannot be kept in " + log, e);
      }
    }
  }

  public long pid() {
    return process.pid();
  }

  public boolean alive() {
    return process.isAlive();
  }

  /** As a crash or the kernel would: nothing gets a chance to tidy up. */
  public void kill() {
    // By way of its handle: Process.destroy would throw away what it has printed.
    process.toHandle().destroyForcibly();
    awaitExit();
  }

  /** Asks it to stop and returns at once. */
  public void terminate() {
    process.toHandle().destroy();
  }

  /** Stops all its threads, as a laptop's lid does. */
  public void freeze() {
    signal("STOP");
  }

  public void thaw() {
    signal("CONT");
  }

  /** Whether this machine can limit the files of a running process. */
  public static boolean canLimitFiles() {
    return Files.isExecutable(Path.of("/usr/bin/prlimit"));
  }

  /**
   * From now on the process cannot write behind that many bytes of any file: the system refuses it,
   * as it does on a full disk (with EFBIG instead of ENOSPC).
   */
  public void limitFiles(long bytes) {
    order("prlimit", "--pid=" + process.pid(), "--fsize=" + bytes + ":");
  }

  /** Files may grow again. */
  public void unlimitFiles() {
    order("prlimit", "--pid=" + process.pid(), "--fsize=unlimited:");
  }

  /** Waits for the end and returns the exit code; the output is complete then. */
  public int awaitExit() {
    try {
      if (!process.waitFor(ENDED_WITHIN.toSeconds(), TimeUnit.SECONDS)) {
        throw new AssertionError("The process did not end. It printed:\n" + output());
      }
      reader.join();
      return process.exitValue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    if (process.isAlive()) {
      kill();
    }
  }

  private void signal(String name) {
    order("kill", "-" + name, "" + process.pid());
  }

  /** Does something to the process from outside; nothing if it has just ended. */
  private void order(String... command) {
    try {
      int code = new ProcessBuilder(command).start().waitFor();
      if (code != 0 && process.isAlive()) {
        throw new AssertionError(String.join(" ", command) + " gave " + code);
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  private void read(Pattern readyLine) {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      String line;
      while ((line = lines.readLine()) != null) {
        print(line);
        Matcher m = readyLine.matcher(line);
        if (m.find()) {
          ready.complete(m.group(1));
        }
      }
    } catch (IOException e) {
      print("[output ended: " + e + "]");
    }
    ready.completeExceptionally(new IllegalStateException("It has ended"));
  }
}
