package dev.perdure.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Where the processes of one run live: a directory of its own, and the fake provider that all of
 * them ask. What is started here is ended with it, last things first. Used by one thread.
 */
final class Ground implements AutoCloseable {
  private final LoadOptions options;
  private final Path directory;
  private final Deque<AutoCloseable> started = new ArrayDeque<>();
  private String upstream = "";

  Ground(LoadOptions options) throws IOException {
    this.options = options;
    this.directory = Files.createTempDirectory("perdure-bench-");
  }

  LoadOptions options() {
    return options;
  }

  Path directory() {
    return directory;
  }

  /** The fake provider's address, as in {@code http://127.0.0.1:1234}. */
  String upstream() {
    return upstream;
  }

  void upstream(String address) {
    upstream = address;
  }

  Child start(String name, List<String> command, Map<String, String> environment)
      throws IOException {
    return keep(Child.start(name, command, environment, directory));
  }

  <T extends AutoCloseable> T keep(T resource) {
    started.addFirst(resource);
    return resource;
  }

  static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  /** A JVM under test: its compiler's threads stay, so that their CPU time can be told. */
  static List<String> jvm() {
    return List.of(java(), "-XX:-UseDynamicNumberOfCompilerThreads");
  }

  static InetSocketAddress address(String hostAndPort) {
    int colon = hostAndPort.lastIndexOf(':');
    return new InetSocketAddress(
        hostAndPort.substring(0, colon), Integer.parseInt(hostAndPort.substring(colon + 1)));
  }

  /** A port that nobody has at this moment, for programs that cannot choose one. */
  static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  @Override
  public void close() {
    for (AutoCloseable resource : started) {
      try {
        resource.close();
      } catch (Exception e) {
        System.err.println("Could not be stopped: " + e);
      }
    }
    started.clear();
    deleteTree();
  }

  private void deleteTree() {
    try (Stream<Path> paths = Files.walk(directory)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    } catch (IOException | UncheckedIOException e) {
      System.err.println("Left behind: " + directory);
    }
  }
}
