package dev.perdure.retrieval;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Ranks a few short texts by the words that they share with a question, by the terms that full-text
 * search uses. For what is in memory; the database ranks what it holds. Stateless.
 */
public final class WordRank {
  /** How much a text longer than the others loses. */
  private static final double LENGTH = 0.3;

  private WordRank() {}

  /**
   * How well each text fits; 0 for one that shares no word. Rare words count more (as in BM25), and
   * longer texts less. Names in {@code snake_case} and {@code camelCase} are words.
   */
  public static double[] scores(String question, List<String> texts) {
    List<Set<String>> terms = new ArrayList<>();
    Map<String, Integer> frequency = new HashMap<>();
    double total = 0;
    for (String text : texts) {
      Set<String> one = Terms.of(words(text));
      one.forEach(term -> frequency.merge(term, 1, Integer::sum));
      terms.add(one);
      total += one.size();
    }
    double average = texts.isEmpty() ? 1 : Math.max(1, total / texts.size());
    List<String> asked = Terms.asked(words(question));
    double[] out = new double[texts.size()];
    for (int i = 0; i < out.length; i++) {
      for (String term : asked) {
        if (terms.get(i).contains(term)) {
          int in = frequency.getOrDefault(term, 0);
          out[i] += Math.log(1 + (texts.size() - in + 0.5) / (in + 0.5));
        }
      }
      out[i] /= 1 - LENGTH + LENGTH * terms.get(i).size() / average;
    }
    return out;
  }

  private static String words(String text) {
    return text.replaceAll("(?<=[a-z0-9])(?=[A-Z])", " ");
  }
}
