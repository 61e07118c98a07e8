package dev.perdure.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Asks another JVM, by the JDK's {@code jcmd}. Stateless. */
final class Jcmd {
  private static final Pattern USED = Pattern.compile("used (\\d+)K");

  private Jcmd() {}

  /** Runs one command and returns what it printed. */
  static String run(long pid, String... command) throws IOException, InterruptedException {
    List<String> all = new ArrayList<>();
    all.add(Path.of(System.getProperty("java.home"), "bin", "jcmd").toString());
    all.add(Long.toString(pid));
    all.addAll(List.of(command));
    Process process = new ProcessBuilder(all).redirectErrorStream(true).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException("jcmd " + String.join(" ", command) + " failed: " + out);
    }
    return out;
  }

  /** What the heap holds after a full collection, in KiB. */
  static long liveHeapKib(long pid) {
    try {
      run(pid, "GC.run");
      Matcher used = USED.matcher(run(pid, "GC.heap_info"));
      if (!used.find()) {
        throw new IOException("GC.heap_info does not say what is used");
      }
      return Long.parseLong(used.group(1));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while jcmd runs", e);
    }
  }
}
