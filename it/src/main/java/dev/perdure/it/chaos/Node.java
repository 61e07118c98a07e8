package dev.perdure.it.chaos;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.it.PerdureProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
  private final Map<String, String> env;
  private final Gate database;

  @GuardedBy("this")
  private @Nullable PerdureProcess process;

  @GuardedBy("this")
  private boolean heldDown;

  @GuardedBy("this")
  private boolean closed;

  private volatile boolean ready;
  private volatile boolean frozen;

  /**
   * @param url of the database, with the place of the port as {@code %d}
   */
  Node(int number, Path home, String url, int databasePort, Map<String, String> env) {
    this.number = number;
    this.port = Ports.free();
    this.log = home.resolve("node-" + number + ".log");
    this.database = new Gate(databasePort);
    this.env = new HashMap<>(env);
    this.env.put("PERDURE_DB_URL", String.format(url, database.port()));
    this.env.put("PERDURE_PORT", Integer.toString(port));
  }

  int number() {
    return number;
  }

  int port() {
    return port;
  }

  /** The way from this node to the database. */
  Gate database() {
    return database;
  }

  boolean ready() {
    return ready && !frozen;
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
            started = PerdureProcess.launch(env, READY, List.of("start"), log);
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
    @Nullable PerdureProcess running;
    synchronized (this) {
      running = process;
    }
    if (running == null || !running.alive() || !ready) {
      return false;
    }
    running.freeze();
    frozen = true;
    return true;
  }

  /** SIGCONT. */
  void thaw() {
    @Nullable PerdureProcess running;
    synchronized (this) {
      running = process;
    }
    if (running != null && running.alive()) {
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
    database.close();
  }
}
