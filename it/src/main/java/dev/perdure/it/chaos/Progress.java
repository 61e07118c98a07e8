package dev.perdure.it.chaos;

import java.io.Console;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Optional;

/** The line that lives while a run goes on. For one thread. */
final class Progress {
  private static final long TERMINAL_MILLIS = 500;
  private static final long FILE_MILLIS = 10_000;

  private final PrintStream out;
  private final World world;
  private final Nemesis nemesis;
  private final String time;
  private final boolean terminal =
      Optional.ofNullable(System.console()).map(Console::isTerminal).orElse(false);
  private final long started = System.currentTimeMillis();
  private String phase = "";
  private long due;

  /**
   * @param time how long faults happen; zero if that is not known
   */
  Progress(PrintStream out, World world, Nemesis nemesis, Duration time) {
    this.out = out;
    this.world = world;
    this.nemesis = nemesis;
    this.time = time.isZero() ? "" : "/" + time.toSeconds();
  }

  /** What the run does now, instead of breaking things. */
  void phase(String what) {
    phase = what;
    due = 0;
    tick();
  }

  /** Prints the line if it is time to. */
  void tick() {
    long now = System.currentTimeMillis();
    if (now < due) {
      return;
    }
    due = now + (terminal ? TERMINAL_MILLIS : FILE_MILLIS);
    String line = line(now);
    if (terminal) {
      out.print("\r" + line + "\u001b[K");
      out.flush();
    } else {
      out.println(line);
    }
  }

  private String line(long now) {
    long up = world.nodes().stream().filter(Node::ready).count();
    return String.format(
        "%4d%s s  nodes %d/%d  accepted %d  refused %d  repeated %d  cancels %d  streams %d"
            + "  reconnects %d  events %d  %s",
        (now - started) / 1000,
        time,
        up,
        world.nodes().size(),
        world.accepted.get(),
        world.refused.get(),
        world.lost.get(),
        world.cancels.get(),
        world.openStreams(),
        world.reconnects.get(),
        world.events.get(),
        phase.isEmpty() ? String.join(", ", nemesis.present()) : phase);
  }
}
