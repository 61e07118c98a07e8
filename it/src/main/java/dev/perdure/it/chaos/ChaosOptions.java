package dev.perdure.it.chaos;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a run is made of.
 *
 * @param seed decides what every client and the nemesis will try, though not when the machine gets
 *     to it
 * @param time how long faults happen; zero if so many takeovers are measured
 * @param only the faults that may happen
 * @param points the fault points at which processes may die
 * @param enough what ends the run before its time
 * @param mix what the messages are made of
 * @param takeovers how many kills to measure instead of making chaos; 0 for chaos
 * @param patience how long the backlog may take once everything is mended
 * @param home where logs, histories and evidence go; null for a directory named by the seed
 * @param keep whether the histories stay when nothing was wrong
 */
record ChaosOptions(
    Duration time,
    long seed,
    boolean sqlite,
    int nodes,
    int sessions,
    Set<Fault> only,
    List<String> points,
    Enough enough,
    Mix mix,
    int takeovers,
    Duration patience,
    @Nullable Path home,
    boolean keep) {
  static final String USAGE =
      """
      Usage: ./perdure chaos [options]
             ./perdure chaos --takeover KILLS [options]
             ./perdure chaos --mutants [NAME ...]

        --minutes N    how long faults happen (default 2; parts of a minute are allowed)
        --seed S       repeats the plan of an earlier run (default: random, and printed)
        --db KIND      postgres (default) or sqlite
        --nodes N      servers on the one database (default 3; 1 on SQLite)
        --sessions N   conversations at the same time (default 200)
        --only LIST    only these faults, separated by commas; 'none' for none:
      %s
        --points LIST  where processes may die of the fault 'crash' (default: anywhere):
      %s
        --faults N     ends earlier, after so many faults
        --turns N      ends earlier, after so many accepted messages; with both, after both
        --lanes N      models of each message (default: one to three, by chance)
        --tools N      of 100 conversations, how many use tools (default 15)
        --patience S   seconds for the backlog, once everything is mended (default 120)
        --dir DIR      where histories and logs go (default: target/chaos-SEED)
        --keep         keep them also if nothing was wrong

        --takeover N   kills a server N times, with the default leases, and measures how long
                       its replies wait for another one
        --mutants      plants a bug for each invariant and sees whether the checker finds it

      Exit codes: 0 all promises kept, 1 violations, 2 wrong usage.
      """
          .formatted(
              Arrays.stream(Fault.values())
                  .map(fault -> "                 " + fault.option())
                  .collect(Collectors.joining("\n")),
              Nemesis.CRASH_POINTS.stream()
                  .map(point -> "                 " + point)
                  .collect(Collectors.joining("\n")));

  private static final int MAX_NODES = 9;
  private static final int MAX_SESSIONS = 5_000;
  private static final int MAX_COUNT = 1_000_000;
  private static final int MAX_LANES = 8;
  private static final int MAX_TAKEOVERS = 10_000;
  private static final int MAX_PATIENCE = 3_600;
  private static final double MAX_MINUTES = 24 * 60;
  private static final int DEFAULT_NODES = 3;

  /**
   * What the messages are made of.
   *
   * @param lanes models of each message; 0 for one to three, by chance
   * @param tools of 100 conversations, how many use tools
   */
  record Mix(int lanes, int tools) {
    static final Mix DEFAULT = new Mix(0, 15);
  }

  /**
   * What has to have happened for a run to be over before its time.
   *
   * @param faults how many of them; 0 for none
   * @param turns how many accepted messages; 0 for none
   */
  record Enough(int faults, int turns) {
    static final Enough NEVER = new Enough(0, 0);

    boolean reached(int faultsSoFar, long turnsSoFar) {
      return !equals(NEVER) && faultsSoFar >= faults && turnsSoFar >= turns;
    }
  }

  ChaosOptions {
    only = Set.copyOf(only);
    points = List.copyOf(points);
  }

  /** Whether the servers keep the leases that they have by default. */
  boolean defaultLeases() {
    return takeovers > 0;
  }

  /** Reads a command line; throws IllegalArgumentException with a text for its author. */
  static ChaosOptions parse(List<String> args, long randomSeed) {
    Builder builder = new Builder(randomSeed);
    for (int i = 0; i < args.size(); i++) {
      String name = args.get(i);
      if (name.equals("--keep")) {
        builder.keep = true;
        continue;
      }
      if (i + 1 == args.size()) {
        throw new IllegalArgumentException("'" + name + "' is not an option, or lacks its value.");
      }
      builder.set(name, args.get(++i));
    }
    return builder.build();
  }

  /** Options as they are read. */
  private static final class Builder {
    private Duration time = Duration.ofMinutes(2);
    private long seed;
    private boolean sqlite;
    private int nodes;
    private int sessions = 200;
    private Set<Fault> only = EnumSet.allOf(Fault.class);
    private List<String> points = Nemesis.CRASH_POINTS;
    private Enough enough = Enough.NEVER;
    private Mix mix = Mix.DEFAULT;
    private int takeovers;
    private Duration patience = Duration.ofMinutes(2);
    private @Nullable Path home;
    private boolean keep;

    Builder(long seed) {
      this.seed = seed;
    }

    ChaosOptions build() {
      if (sqlite && (nodes > 1 || takeovers > 0)) {
        throw new IllegalArgumentException("On SQLite there is one node, and nobody to take over.");
      }
      int count = nodes > 0 ? nodes : sqlite ? 1 : DEFAULT_NODES;
      if (takeovers > 0 && count < 2) {
        throw new IllegalArgumentException("One node alone has nobody to take over.");
      }
      Duration known = takeovers > 0 ? Duration.ZERO : time;
      return new ChaosOptions(
          known, seed, sqlite, count, sessions, only, points, enough, mix, takeovers, patience,
          home, keep);
    }

    void set(String name, String value) {
      try {
        switch (name) {
          case "--minutes" -> {
            double minutes = Double.parseDouble(value);
            if (!(minutes > 0 && minutes <= MAX_MINUTES)) {
              throw new NumberFormatException();
            }
            time = Duration.ofMillis(Math.round(minutes * 60_000));
          }
          case "--seed" -> seed = Long.parseLong(value);
          case "--db" ->
              sqlite =
                  switch (value) {
                    case "sqlite" -> true;
                    case "postgres" -> false;
                    default -> throw new IllegalArgumentException("--db takes postgres or sqlite.");
                  };
          case "--nodes" -> nodes = upTo(value, MAX_NODES);
          case "--sessions" -> sessions = upTo(value, MAX_SESSIONS);
          case "--takeover" -> takeovers = upTo(value, MAX_TAKEOVERS);
          case "--patience" -> patience = Duration.ofSeconds(upTo(value, MAX_PATIENCE));
          case "--only" -> only = faults(value);
          case "--faults" -> enough = new Enough(upTo(value, MAX_COUNT), enough.turns);
          case "--turns" -> enough = new Enough(enough.faults, upTo(value, MAX_COUNT));
          case "--points" -> points = points(value);
          case "--lanes" -> mix = new Mix(upTo(value, MAX_LANES), mix.tools);
          case "--tools" -> mix = new Mix(mix.lanes, Math.clamp(Integer.parseInt(value), 0, 100));
          case "--dir" -> home = Path.of(value);
          default -> throw new IllegalArgumentException("'" + name + "' is not an option.");
        }
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException(
            "'" + value + "' is not a number that '" + name + "' takes.", e);
      }
    }

    private static Set<Fault> faults(String list) {
      Set<Fault> faults = EnumSet.noneOf(Fault.class);
      if (list.equals("none")) {
        return faults;
      }
      for (String name : list.split(",", -1)) {
        faults.add(
            Arrays.stream(Fault.values())
                .filter(fault -> fault.option().equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("'" + name + "' is not a fault.")));
      }
      return faults;
    }

    private static List<String> points(String list) {
      List<String> points = List.of(list.split(",", -1));
      for (String name : points) {
        if (!Nemesis.CRASH_POINTS.contains(name)) {
          throw new IllegalArgumentException("'" + name + "' is not a point to die at.");
        }
      }
      return points;
    }

    private static int upTo(String value, int max) {
      int number = Integer.parseInt(value);
      if (number < 1 || number > max) {
        throw new NumberFormatException();
      }
      return number;
    }
  }
}
