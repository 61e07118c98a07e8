package dev.perdure.testing;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Properties;

/**
 * Faults that a black-box test switches on and off while a server runs. They stand in a file that
 * is read again while the server works; no file is no fault. A server has one only if its JVM was
 * started with {@code -Dperdure.faults=FILE}. Thread-safe.
 *
 * <pre>
 * clock=-3600000     the wall clock is that many milliseconds off
 * commit=150         transactions are held open for that many milliseconds before they commit
 * crash=appended@3   the process dies as with kill -9 when it gets there for the third time
 * crash=tool_made*3  the same when three threads stand there
 * </pre>
 */
public final class FaultFile implements FaultPoints {
  /** How often the file is looked at, by the nano clock. */
  private static final Duration FRESH = Duration.ofMillis(20);

  private final Path file;
  private final Object lock = new Object();

  @GuardedBy("lock")
  private String text = "";

  @GuardedBy("lock")
  private Faults faults = Faults.NONE;

  @GuardedBy("lock")
  private long readAtNanos = System.nanoTime() - FRESH.toNanos();

  /** What the file says. */
  private record Faults(Duration clock, Duration commit, FaultPoints crash) {
    static final Faults NONE = new Faults(Duration.ZERO, Duration.ZERO, FaultPoints.NONE);

    static Faults parse(String text) throws IOException {
      Properties lines = new Properties();
      lines.load(new StringReader(text));
      String crash = lines.getProperty("crash");
      return new Faults(
          Duration.ofMillis(Long.parseLong(lines.getProperty("clock", "0"))),
          Duration.ofMillis(Long.parseLong(lines.getProperty("commit", "0"))),
          crash == null ? FaultPoints.NONE : CrashPlan.parse(crash));
    }
  }

  public FaultFile(Path file) {
    this.file = file;
  }

  /** The given clock, with what the file takes from it or adds to it. */
  public InstantSource clock(InstantSource right) {
    return () -> {
      Instant now = right.instant();
      return now.plus(faults().clock);
    };
  }

  @Override
  public void at(Point point) {
    Faults now = faults();
    switch (point) {
      case CLAIMING, APPENDING, PARKING, ENDING_UNCOMMITTED -> hold(now.commit);
      case ACCEPTED,
          CLAIMED,
          APPENDED,
          COMPACTING,
          COMPACTED,
          TOOL_INTENT,
          TOOL_MADE,
          TOOL_STORED,
          PARKED,
          ENDING,
          ENDED,
          DRAINING,
          HANDED_OVER,
          MIGRATING -> {}
    }
    now.crash.at(point);
  }

  private static void hold(Duration time) {
    try {
      Thread.sleep(time);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Faults faults() {
    synchronized (lock) {
      long now = System.nanoTime();
      if (now - readAtNanos >= FRESH.toNanos()) {
        readAtNanos = now;
        String fresh = read();
        if (!fresh.equals(text)) {
          text = fresh;
          faults = parse(fresh);
        }
      }
      return faults;
    }
  }

  private Faults parse(String fresh) {
    try {
      return Faults.parse(fresh);
    } catch (IOException e) {
      throw new UncheckedIOException("The plan of faults " + file + " cannot be read", e);
    }
  }

  private String read() {
    try {
      return Files.readString(file);
    } catch (NoSuchFileException e) {
      return "";
    } catch (IOException e) {
      throw new UncheckedIOException("The plan of faults " + file + " cannot be read", e);
    }
  }
}
