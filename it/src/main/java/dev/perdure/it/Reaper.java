package dev.perdure.it;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/**
 * Ends the processes that the tests have started, also when the JVM of the tests is killed: a shell
 * holds their ids and kills them when its input ends, which happens however this JVM ends.
 * Thread-safe.
 */
public final class Reaper {
  private static final String SCRIPT =
      """
      trap '' INT TERM HUP
      pids=' '
      while read -r line; do
        case $line in
          +*) pids="$pids${line#+} " ;;
          -*) rest=' '
              for p in $pids; do [ "$p" = "${line#-}" ] || rest="$rest$p "; done
              pids=$rest ;;
        esac
      done
      for p in $pids; do kill -CONT "$p"; kill -9 "$p"; done 2>/dev/null
      """;

  private static final Reaper INSTANCE = new Reaper();

  private final OutputStream orders;

  private Reaper() {
    try {
      Process shell =
          new ProcessBuilder("sh", "-c", SCRIPT)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      orders = shell.getOutputStream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Sees to it that this process does not outlive the tests. */
  public static void watch(long pid) {
    INSTANCE.order("+" + pid);
  }

  /** The process has ended and its id may be used by another. */
  public static void forget(long pid) {
    INSTANCE.order("-" + pid);
  }

  private synchronized void order(String line) {
    try {
      orders.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
      orders.flush();
    } catch (IOException e) {
      throw new UncheckedIOException("The shell that ends the tests' processes is gone", e);
    }
  }
}
