package dev.perdure.it.check;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The violations found so far. For one thread. */
final class Findings {
  /** More do not tell more. */
  private static final int MAX = 1_000;

  private static final int MAX_OF_A_KIND = 3;

  private final List<Violation> violations = new ArrayList<>();
  private final Map<String, Integer> kinds = new HashMap<>();

  void add(Rule rule, String subject, String text, String... evidence) {
    int before = kinds.merge(rule + " " + subject, 1, Integer::sum);
    if (violations.size() < MAX && before <= MAX_OF_A_KIND) {
      violations.add(Violation.of(rule, subject, text, evidence));
    }
  }

  List<Violation> violations() {
    return List.copyOf(violations);
  }
}
