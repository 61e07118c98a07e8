package dev.perdure.it.check;

import java.util.List;

/**
 * A broken promise.
 *
 * @param subject the turn, or what else it is about
 * @param evidence lines that show it
 */
public record Violation(Rule rule, String subject, String text, List<String> evidence) {
  /** A line of evidence may be a long event. */
  private static final int MAX_EVIDENCE_CHARS = 2_000;

  public Violation {
    evidence = evidence.stream().map(Violation::shortened).toList();
  }

  static Violation of(Rule rule, String subject, String text, String... evidence) {
    return new Violation(rule, subject, text, List.of(evidence));
  }

  private static String shortened(String line) {
    return line.length() <= MAX_EVIDENCE_CHARS
        ? line
        : line.substring(0, MAX_EVIDENCE_CHARS) + "… (" + line.length() + " characters)";
  }

  @Override
  public String toString() {
    StringBuilder out = new StringBuilder();
    out.append(rule).append("  ").append(subject).append("\n  ").append(text).append('\n');
    evidence.forEach(line -> out.append("    ").append(line).append('\n'));
    return out.toString();
  }
}
