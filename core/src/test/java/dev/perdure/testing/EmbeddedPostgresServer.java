package dev.perdure.testing;

import io.zonky.test.db.postgres.embedded.DefaultPostgresBinaryResolver;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.compressors.xz.XZCompressorInputStream;
import org.jspecify.annotations.Nullable;

/**
 * A real PostgreSQL for tests, from zonky's binaries on the class path: nothing need be installed.
 * Runs as any user: PostgreSQL refuses root, so then it runs as {@code nobody} by the system's
 * {@code setpriv}, {@code runuser} or {@code su}.
 *
 * <p>The server is the child of a shell that waits for the end of its input, which comes when this
 * process closes it or dies in whatever way; so no server is left behind. Its data are deleted when
 * this process ends in order. Thread-safe.
 */
public final class EmbeddedPostgresServer implements AutoCloseable {
  private static final long STOP_SECONDS = 20;
  private static final long START_MILLIS = 60_000;
  private static final String WATCH =
      "exec 3<&0; \"$@\" </dev/null & p=$!; cat <&3 >/dev/null; kill -INT $p; wait $p";

  private final Path home;
  private final Path work;
  private final int port;
  private final boolean durable;
  private final AtomicInteger databases = new AtomicInteger();
  private @Nullable Process process;

  private EmbeddedPostgresServer(Path home, Path work, int port, boolean durable) {
    this.home = home;
    this.work = work;
    this.port = port;
    this.durable = durable;
  }

  private static final class Shared {
    private static final EmbeddedPostgresServer SERVER = start(false);
  }

  /** The one server of this JVM, started when first asked for; make a database of your own. */
  public static EmbeddedPostgresServer shared() {
    return Shared.SERVER;
  }

  /**
   * Starts a server on a free port of the loopback address.
   *
   * @param durable whether commits wait for the disk; off makes tests fast
   */
  public static EmbeddedPostgresServer start(boolean durable) {
    try {
      Path work = Files.createTempDirectory("perdure-pg-");
      openToAll(work);
      EmbeddedPostgresServer server =
          new EmbeddedPostgresServer(binaries(), work, Ports.free(), durable);
      // The shared server is closed by nobody else; its data would be left behind.
      Runtime.getRuntime().addShutdownHook(new Thread(server::close));
      server.initialise();
      server.start();
      return server;
    } catch (IOException e) {
      throw new UncheckedIOException("PostgreSQL for tests cannot be started", e);
    }
  }

  /** Creates an empty database and returns its URL, which needs no credentials. */
  public String createDatabase() {
    return create("");
  }

  /**
   * The same, with everything that is in another database of this server.
   *
   * @param url of the other one, to which nobody may be connected
   */
  public String copyDatabase(String url) {
    String name = url.substring(url.lastIndexOf('/') + 1, url.indexOf('?'));
    // Block by block through the write-ahead log it would take twice as long.
    return create(" TEMPLATE " + name + " STRATEGY FILE_COPY");
  }

  private String create(String options) {
    String name = "t" + databases.incrementAndGet();
    try (Connection connection = DriverManager.getConnection(url("postgres"));
        Statement statement = connection.createStatement()) {
      statement.execute("CREATE DATABASE " + name + options);
    } catch (SQLException e) {
      throw new IllegalStateException("The database " + name + " cannot be created", e);
    }
    return url(name);
  }

  private String url(String database) {
    return "jdbc:postgresql://127.0.0.1:" + port + "/" + database + "?user=postgres";
  }

  public int port() {
    return port;
  }

  /** Starts the stopped server again, on the same port with the same data. */
  public synchronized void start() {
    List<String> command = asUser();
    command.addAll(List.of("sh", "-c", WATCH, "sh", home.resolve("bin/postgres").toString()));
    command.addAll(List.of("-D", data().toString(), "-p", Integer.toString(port)));
    for (String setting :
        List.of(
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=300",
            "fsync=" + (durable ? "on" : "off"),
            "synchronous_commit=" + (durable ? "on" : "off"),
            "full_page_writes=" + (durable ? "on" : "off"))) {
      command.addAll(List.of("-c", setting));
    }
    try {
      process = process(command, "server.log").start();
    } catch (IOException e) {
      throw new UncheckedIOException("PostgreSQL for tests cannot be started", e);
    }
    awaitReady();
  }

  private void awaitReady() {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(START_MILLIS);
    while (true) {
      try (Connection connection = DriverManager.getConnection(url("postgres"))) {
        if (connection.isValid(1)) {
          return;
        }
      } catch (SQLException e) {
        Process running = process;
        if (running == null || System.nanoTime() > deadline) {
          throw new IllegalStateException("PostgreSQL does not answer: " + log("server.log"), e);
        }
        try {
          if (running.waitFor(20, TimeUnit.MILLISECONDS)) {
            throw new IllegalStateException("PostgreSQL has ended: " + log("server.log"), e);
          }
        } catch (InterruptedException interrupt) {
          Thread.currentThread().interrupt();
          throw new IllegalStateException("Interrupted while PostgreSQL starts", interrupt);
        }
      }
    }
  }

  /** Stops the server as an operator would, ending all its connections; the data stay. */
  public synchronized void stop() {
    Process running = process;
    if (running == null) {
      return;
    }
    process = null;
    try (OutputStream input = running.getOutputStream()) {
      input.flush();
    } catch (IOException e) {
      running.destroy();
    }
    try {
      if (!running.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
        running.destroyForcibly();
      }
    } catch (InterruptedException e) {
      running.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Ends the server as a crash would, without a checkpoint: the next start recovers from its log.
   */
  public synchronized void crash() {
    if (process == null) {
      return;
    }
    try {
      String pid = Files.readAllLines(data().resolve("postmaster.pid")).getFirst().strip();
      new ProcessBuilder("kill", "-QUIT", pid).start().waitFor();
    } catch (IOException e) {
      throw new UncheckedIOException("PostgreSQL for tests cannot be crashed", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    stop();
  }

  /** Ends the server and deletes its data, for which no checkpoint is worth waiting. */
  @Override
  public void close() {
    try {
      crash();
    } catch (UncheckedIOException e) {
      // It has not come to write its id down.
      stop();
    }
    deleteTree(work);
  }

  private Path data() {
    return work.resolve("data");
  }

  private void initialise() throws IOException {
    List<String> command = asUser();
    command.addAll(
        List.of(
            home.resolve("bin/initdb").toString(),
            "-D",
            data().toString(),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync"));
    try {
      if (process(command, "initdb.log").start().waitFor() != 0) {
        throw new IOException("initdb failed: " + log("initdb.log"));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("Interrupted during initdb", e);
    }
  }

  private ProcessBuilder process(List<String> command, String log) {
    return new ProcessBuilder(command)
        .directory(work.toFile())
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(work.resolve(log).toFile()));
  }

  private String log(String name) {
    try {
      return Files.readString(work.resolve(name));
    } catch (IOException e) {
      return "(no log)";
    }
  }

  /** The beginning of a command that runs as somebody whom PostgreSQL accepts. */
  private static List<String> asUser() {
    if (!"root".equals(System.getProperty("user.name"))) {
      return new ArrayList<>();
    }
    if (onPath("setpriv")) {
      return new ArrayList<>(
          List.of("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"));
    }
    if (onPath("runuser")) {
      return new ArrayList<>(List.of("runuser", "-u", "nobody", "--"));
    }
    return new ArrayList<>(
        List.of("su", "-s", "/bin/sh", "nobody", "-c", "exec \"$0\" \"$@\"", "--"));
  }

  private static boolean onPath(String program) {
    String path = System.getenv("PATH");
    return path != null
        && Stream.of(path.split(":", -1))
            .anyMatch(directory -> Files.isExecutable(Path.of(directory, program)));
  }

  /** Unpacks the binaries once per user and machine. */
  private static synchronized Path binaries() throws IOException {
    String system =
        System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("mac") ? "Darwin" : "Linux";
    String arch = System.getProperty("os.arch").equals("aarch64") ? "arm_64" : "x86_64";
    // The place of the archive on the class path names its version.
    URL archive =
        EmbeddedPostgresServer.class.getResource(
            "/postgres-" + system.toLowerCase(Locale.ROOT) + "-" + arch + ".txz");
    String version = archive == null ? "other" : Integer.toHexString(archive.toString().hashCode());
    Path home =
        Path.of(
            System.getProperty("java.io.tmpdir"),
            "perdure-pg-binaries-" + System.getProperty("user.name") + "-" + version);
    if (Files.isDirectory(home)) {
      return home;
    }
    Path unpacking = Files.createTempDirectory("perdure-pg-unpacking-");
    openToAll(unpacking);
    try (InputStream packed = DefaultPostgresBinaryResolver.INSTANCE.getPgBinary(system, arch);
        TarArchiveInputStream tar =
            new TarArchiveInputStream(
                new XZCompressorInputStream(new BufferedInputStream(packed)))) {
      for (TarArchiveEntry entry; (entry = tar.getNextEntry()) != null; ) {
        unpack(tar, entry, unpacking.resolve(entry.getName()).normalize());
      }
    }
    try {
      Files.move(unpacking, home, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileAlreadyExistsException | java.nio.file.DirectoryNotEmptyException e) {
      // Another JVM was faster.
      deleteTree(unpacking);
    }
    return home;
  }

  private static void unpack(TarArchiveInputStream tar, TarArchiveEntry entry, Path to)
      throws IOException {
    if (entry.isDirectory()) {
      Files.createDirectories(to);
    } else if (entry.isSymbolicLink()) {
      Files.createDirectories(to.getParent());
      Files.createSymbolicLink(to, Path.of(entry.getLinkName()));
    } else {
      Files.createDirectories(to.getParent());
      Files.copy(tar, to);
      Files.setPosixFilePermissions(
          to,
          PosixFilePermissions.fromString(
              (entry.getMode() & 0100) != 0 ? "rwxr-xr-x" : "rw-r--r--"));
    }
  }

  private static void openToAll(Path directory) throws IOException {
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
  }

  /** By a process that nobody waits for: the files of a thousand databases take a minute. */
  private static void deleteTree(Path root) {
    try {
      Process _ =
          new ProcessBuilder("rm", "-rf", root.toString())
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
    } catch (IOException e) {
      // Left to the system's cleaning of its temporary directory.
    }
  }
}
