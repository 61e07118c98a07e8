package dev.perdure.it.chaos;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.it.PerdureProcess;
import dev.perdure.testing.Ports;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One server with an address that stays and a process that comes and goes. A keeper starts it again
 * when it has ended, as a service manager would, unless it is held down. Thread-safe.
 */
final class Node implements AutoCloseable {
  private static final Pattern READY = Pattern.compile("Perdure is ready at (http://\\S+)");
  private static final Pattern ID = Pattern.compile("Node (node_[0-9a-z]+) ");
  private static final long KEEPER_MILLIS = 50;

  private final int number;
  private final int port;
  private final Path log;
  private final List<String> args;
  private final Map<String, String> env;
  private final @Nullable Gate database;
  private final Path faults;

  @GuardedBy("this")
  private @Nullable PerdureProcess process;

  @GuardedBy("this")
  private boolean heldDown;

  @GuardedBy("this")
  private boolean closed;

  private volatile boolean ready;
  private volatile boolean frozen;

  /**
   * @param config a file of settings, besides those in the environment
   */
  Node(int number, Path home, Store store, Path config, Map<String, String> env) {
    this.number = number;
    this.port = Ports.free();
    this.log = home.resolve("node-" + number + ".log");
    this.faults = home.resolve("node-" + number + ".faults");
    this.args = List.of("start", "--config", config.toString());
    this.env = new HashMap<>(env);
    this.database = store.place(this.env, home);
    this.env.put("PERDURE_PORT", Integer.toString(port));
    this.env.put("JAVA_TOOL_OPTIONS", "-Dperdure.faults=" + faults);
  }

  int number() {
    return number;
  }

  int port() {
    return port;
  }

  /** The way from this node to the database; a file has none. */
  Gate database() {
    if (database == null) {
      throw new IllegalStateException("There is no network between a node and its file");
    }
    return database;
  }

  Path log() {
    return log;
  }

  boolean ready() {
    return ready && !frozen && alive();
  }

  synchronized boolean alive() {
    return process != null && process.alive();
  }

  /** Replaces the faults inside of the process; see {@code dev.perdure.testing.FaultFile}. */
  void faults(String lines) {
    try {
      // A reader must never see the half of it.
      Path fresh = Files.writeString(faults.resolveSibling(faults.getFileName() + ".new"), lines);
      Files.move(fresh, faults, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UncheckedIOException("The faults of node " + number + " cannot be written", e);
    }
  }

  /** When the process ends it stays down until {@link #letStart}. */
  void holdWhenDead() {
    synchronized (this) {
      heldDown = true;
    }
  }

  /** The disk is full for this process: its files may not grow. */
  void fillDisk(long bytes) {
    @Nullable PerdureProcess running = running();
    if (running != null) {
      running.limitFiles(bytes);
    }
  }

  void emptyDisk() {
    @Nullable PerdureProcess running = running();
    if (running != null) {
      running.unlimitFiles();
    }
  }

  private synchronized @Nullable PerdureProcess running() {
    return process != null && process.alive() ? process : null;
  }

  /** Starts the process and the keeper. */
  void start() {
    Thread.ofVirtual().name("keeper-" + number).start(this::keep);
  }

  private void keep() {
    try {
      while (true) {
        @Nullable PerdureProcess started = null;
        synchronized (this) {
          if (closed) {
            return;
          }
          if (!heldDown && (process == null || !process.alive())) {
            ready = false;
            started = PerdureProcess.launch(env, READY, args, log);
            process = started;
          }
        }
        if (started != null) {
          awaitReady(started);
        }
        Thread.sleep(KEEPER_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void awaitReady(PerdureProcess started) {
    try {
      started.awaitReady();
      ready = true;
    } catch (AssertionError e) {
      // Killed, or the database is away, while it started: the next look starts it again.
      started.close();
    }
  }

  /** The id under which the present process holds turns; null before it has said so. */
  @Nullable String id() {
    @Nullable String id = null;
    try {
      Matcher matcher = ID.matcher(Files.readString(log));
      while (matcher.find()) {
        id = matcher.group(1);
      }
      return id;
    } catch (IOException e) {
      return null;
    }
  }

  /** {@code kill -9}; it stays down until {@link #letStart}. */
  void kill() {
    @Nullable PerdureProcess running = holdDown();
    if (running != null && running.alive()) {
      running.kill();
    }
  }

  /** SIGTERM; it stays down until {@link #letStart}. Returns when the process has ended. */
  void terminate() {
    @Nullable PerdureProcess running = holdDown();
    if (running != null && running.alive()) {
      running.terminate();
      running.awaitExit();
    }
  }

  private synchronized @Nullable PerdureProcess holdDown() {
    heldDown = true;
    ready = false;
    return process;
  }

  synchronized void letStart() {
    heldDown = false;
  }

  /** SIGSTOP. Returns false if there is no process to stop. */
  boolean freeze() {
    @Nullable PerdureProcess running = running();
    if (running == null || !ready) {
      return false;
    }
    running.freeze();
    frozen = true;
    return true;
  }

  /** SIGCONT. */
  void thaw() {
    @Nullable PerdureProcess running = running();
    if (running != null) {
      running.thaw();
    }
    frozen = false;
  }

  @Override
  public void close() {
    @Nullable PerdureProcess running;
    synchronized (this) {
      closed = true;
      running = process;
    }
    if (running != null) {
      running.close();
    }
    if (database != null) {
      database.close();
    }
  }
}
