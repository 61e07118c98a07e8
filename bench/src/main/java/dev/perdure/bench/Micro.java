package dev.perdure.bench;

import java.util.ArrayList;
import java.util.List;

/** Runs the micro-benchmarks with settings that take minutes, not hours. */
final class Micro {
  private Micro() {}

  static int run(List<String> args) throws Exception {
    List<String> all = new ArrayList<>(args);
    unlessGiven(all, "-f", "1");
    unlessGiven(all, "-wi", "3");
    unlessGiven(all, "-w", "1");
    unlessGiven(all, "-i", "5");
    unlessGiven(all, "-r", "1");
    unlessGiven(all, "-foe", "true");
    org.openjdk.jmh.Main.main(all.toArray(String[]::new));
    return 0;
  }

  private static void unlessGiven(List<String> args, String option, String value) {
    if (!args.contains(option)) {
      args.add(option);
      args.add(value);
    }
  }
}
