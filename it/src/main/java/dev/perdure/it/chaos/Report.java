package dev.perdure.it.chaos;

import dev.perdure.it.check.Rule;
import dev.perdure.it.check.Violation;
import java.io.PrintStream;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** The table at the end of a run. */
final class Report {
  private static final int SHOWN_VIOLATIONS = 5;

  private final PrintStream out;

  Report(PrintStream out) {
    this.out = out;
  }

  void print(Tally tally, Nemesis nemesis, Takeovers takeovers, List<Violation> violations) {
    out.println();
    row("turns accepted", tally.accepted);
    tally.turns.forEach((state, count) -> row("  " + state, count));
    tally.failures.forEach((code, count) -> row("    " + code, count));
    row("attempts shown", tally.attempts);
    row("claims", tally.epochs);
    times("turns taken over after kill -9", takeovers.times());
    times("  the last turn of each kill", takeovers.longest());
    row("POSTs repeated", tally.repeated);
    row("streams opened", tally.connections);
    row("  reconnects", tally.reconnects);
    row("  broken off", tally.brokenOff);
    row("half-open connections", tally.haunted);
    row("events delivered", tally.events);
    if (!tally.calls.isEmpty()) {
      out.println("calls of tools");
      tally.calls.forEach((call, count) -> row("  " + call, count));
    }
    out.println("answers");
    tally.answers.forEach((answer, count) -> row("  " + answer, count));
    out.println("faults");
    nemesis.counts().forEach((fault, count) -> row("  " + fault.text, count));
    violations(violations);
  }

  private void violations(List<Violation> violations) {
    row("violations", violations.size());
    Map<Rule, Integer> byRule = new EnumMap<>(Rule.class);
    violations.forEach(violation -> byRule.merge(violation.rule(), 1, Integer::sum));
    byRule.forEach((rule, count) -> {
      row("  " + rule, count);
      out.println("    " + rule.sentence() + ".");
    });
    out.println();
    violations.stream().limit(SHOWN_VIOLATIONS).forEach(out::println);
  }

  private void times(String name, long[] sorted) {
    row(name, sorted.length);
    if (sorted.length > 0) {
      row("    p50 ms", sorted[sorted.length / 2]);
      row("    max ms", sorted[sorted.length - 1]);
    }
  }

  private void row(String name, long value) {
    out.printf("%-44s %10d%n", name, value);
  }
}
