package dev.perdure.it.chaos;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a run is made of.
 *
 * @param seed decides what every client and the nemesis will try, though not when the machine gets
 *     to it
 * @param home where logs, histories and evidence go; null for a directory named by the seed
 * @param keep whether the histories stay when nothing was wrong
 */
record ChaosOptions(
    Duration time, long seed, int nodes, int sessions, @Nullable Path home, boolean keep) {
  static final String USAGE =
      """
      Usage: ./perdure chaos [options]

        --minutes N    how long faults happen (default 2; parts of a minute are allowed)
        --seed S       repeats the plan of an earlier run (default: random, and printed)
        --nodes N      servers on the one database (default 3)
        --sessions N   conversations at the same time (default 200)
        --dir DIR      where histories and logs go (default: target/chaos-SEED)
        --keep         keep them also if nothing was wrong

      """;

  private static final int MAX_NODES = 9;
  private static final int MAX_SESSIONS = 5_000;
  private static final double MAX_MINUTES = 24 * 60;

  /** Reads a command line; throws IllegalArgumentException with a text for its author. */
  static ChaosOptions parse(List<String> args, long randomSeed) {
    ChaosOptions options = new ChaosOptions(Duration.ofMinutes(2), randomSeed, 3, 200, null, false);
    for (int i = 0; i < args.size(); i++) {
      String name = args.get(i);
      if (name.equals("--keep")) {
        options = options.with(name, "");
        continue;
      }
      if (i + 1 == args.size()) {
        throw new IllegalArgumentException("'" + name + "' is not an option, or lacks its value.");
      }
      options = options.with(name, args.get(++i));
    }
    return options;
  }

  private ChaosOptions with(String name, String value) {
    try {
      return switch (name) {
        case "--minutes" -> {
          double minutes = Double.parseDouble(value);
          if (!(minutes > 0 && minutes <= MAX_MINUTES)) {
            throw new NumberFormatException();
          }
          yield new ChaosOptions(
              Duration.ofMillis(Math.round(minutes * 60_000)), seed, nodes, sessions, home, keep);
        }
        case "--seed" -> new ChaosOptions(time, Long.parseLong(value), nodes, sessions, home, keep);
        case "--nodes" ->
            new ChaosOptions(time, seed, upTo(value, MAX_NODES), sessions, home, keep);
        case "--sessions" ->
            new ChaosOptions(time, seed, nodes, upTo(value, MAX_SESSIONS), home, keep);
        case "--dir" -> new ChaosOptions(time, seed, nodes, sessions, Path.of(value), keep);
        case "--keep" -> new ChaosOptions(time, seed, nodes, sessions, home, true);
        default -> throw new IllegalArgumentException("'" + name + "' is not an option.");
      };
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "'" + value + "' is not a number that '" + name + "' takes.", e);
    }
  }

  private static int upTo(String value, int max) {
    int number = Integer.parseInt(value);
    if (number < 1 || number > max) {
      throw new NumberFormatException();
    }
    return number;
  }
}
