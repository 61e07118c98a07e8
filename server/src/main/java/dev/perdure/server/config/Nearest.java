package dev.perdure.server.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;

/** Finds the name that somebody probably meant, by edit distance (Levenshtein). */
public final class Nearest {
  /** What it costs that only the last words agree: a key in the wrong section. */
  private static final int OTHER_SECTION = 2;

  private Nearest() {}

  /** The candidate with the smallest distance; there must be at least one. */
  public static String to(String name, Collection<String> candidates) {
    return candidates.stream()
        .min(Comparator.<String>comparingInt(c -> score(name, c)).thenComparing(c -> c))
        .orElseThrow();
  }

  private static int score(String name, String candidate) {
    String a = name.toLowerCase(Locale.ROOT);
    String b = candidate.toLowerCase(Locale.ROOT);
    return Math.min(distance(a, b), distance(last(a), last(b)) + OTHER_SECTION);
  }

  private static String last(String name) {
    return name.substring(name.lastIndexOf('.') + 1);
  }

  static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replace = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replace, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[b.length()];
  }
}
