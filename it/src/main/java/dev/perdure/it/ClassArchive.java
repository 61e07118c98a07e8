package dev.perdure.it;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An archive of the server's classes as the JVM has them in memory, loaded and linked (JEP 514),
 * beside its jar. With it a server needs half of the processor to start, and tests start hundreds.
 * Made once for each build, by a server that is started, asked a little and stopped; without one,
 * or with one of another build, servers start as ever. Thread-safe, and safe between processes.
 */
final class ClassArchive {
  /** {@code none} for tests that start few servers of a build. */
  private static final String PROPERTY = "perdure.archive";

  private static final Pattern READY = Pattern.compile("Perdure is ready at (http://\\S+)");
  private static final Pattern ID =
      Pattern.compile("\"(?:id|turn)\":\"((?:sess|turn)_[0-9a-z]+)\"");

  /** By the time of the jar that it was made of. */
  private static final String NAME = "perdure-classes-";

  private static final String SUFFIX = ".aot";

  private ClassArchive() {}

  /** What a JVM must be told to use the archive; empty to do without. */
  static synchronized List<String> options(Path jar) {
    if (System.getProperty(PROPERTY, "").equals("none")) {
      return List.of();
    }
    try {
      Path archive = jar.resolveSibling(NAME + Files.getLastModifiedTime(jar).toMillis() + SUFFIX);
      if (!Files.exists(archive)) {
        make(jar, archive);
      }
      // What does not fit any more is not used, and not told of.
      return List.of("-XX:AOTCache=" + archive, "-Xlog:disable");
    } catch (IOException | AssertionError e) {
      return List.of();
    }
  }

  private static void make(Path jar, Path archive) throws IOException {
    Path lock = jar.resolveSibling(NAME + "lock");
    try (FileChannel channel =
            FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock held = channel.lock()) {
      if (held.isValid() && !Files.exists(archive)) {
        forgetOthers(jar);
        Path fresh = archive.resolveSibling(archive.getFileName() + ".new");
        Path data = Files.createTempDirectory("perdure-classes");
        try {
          train(data, fresh);
        } finally {
          deleteTree(data);
        }
        Files.move(fresh, archive, StandardCopyOption.ATOMIC_MOVE);
      }
    }
  }

  private static void train(Path data, Path archive) throws IOException {
    try (PerdureProcess server =
            PerdureProcess.launch(
                Map.of("PERDURE_DETECT_LOCAL_SERVERS", "false"),
                READY,
                List.of("start", "--port", "0", "--data", data.toString()),
                null,
                List.of("-XX:AOTCacheOutput=" + archive, "-Xlog:disable"));
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()) {
      String url = server.awaitReady();
      String session = id(ask(client, url + "/v1/sessions", "{}"));
      String message = "{\"text\":\"/pace 0ms\\n/echo hello\"}";
      String turn = id(ask(client, url + "/v1/sessions/" + session + "/turns", message));
      ask(client, url + "/v1/turns/" + turn + "/events", null);
      ask(client, url + "/v1/turns/" + turn, null);
      ask(client, url + "/v1/sessions/" + session + "/messages", null);
      ask(client, url + "/metrics", null);
      server.terminate();
      server.awaitExit();
    }
  }

  private static String id(String json) {
    Matcher id = ID.matcher(json);
    if (!id.find()) {
      throw new AssertionError("There is no id in " + json);
    }
    return id.group(1);
  }

  private static String ask(HttpClient client, String url, @Nullable String body)
      throws IOException {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url));
    if (body != null) {
      request.header("Content-Type", "application/json").POST(BodyPublishers.ofString(body));
    }
    try {
      return client.send(request.build(), BodyHandlers.ofString()).body();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
  }

  /** Those of earlier builds. */
  private static void forgetOthers(Path jar) throws IOException {
    try (Stream<Path> files = Files.list(jar.toAbsolutePath().getParent())) {
      for (Path one : files.filter(file -> file.toString().endsWith(SUFFIX)).toList()) {
        Files.deleteIfExists(one);
      }
    }
  }

  private static void deleteTree(Path root) throws IOException {
    try (Stream<Path> files = Files.walk(root)) {
      for (Path one : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(one);
      }
    }
  }
}
