package dev.perdure.retrieval;

import dev.perdure.retrieval.Chunk.By;
import dev.perdure.retrieval.Chunk.Hit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Several searches' results as one: by reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR
 * 2009), which needs no scores that could be compared. For one thread.
 */
final class Ranks {
  /** Of that paper: how little the first place of one search counts against the second's. */
  private static final int K = 60;

  private final Map<Long, List<Hit>> hits = new LinkedHashMap<>();

  /** How many places there are behind which those by letters come. */
  private int words;

  Ranks() {}

  Ranks(Ranks other) {
    other.hits.forEach((id, found) -> hits.put(id, new ArrayList<>(found)));
    words = other.words;
  }

  /** What one search has found, the best first. */
  void add(By by, List<Long> ids) {
    int rank = by == By.LETTERS ? words : 0;
    for (Long id : ids) {
      List<Hit> before = hits.computeIfAbsent(id, absent -> new ArrayList<>());
      rank++;
      // These two mean that nothing better was found of it.
      if (before.isEmpty() || by == By.WORDS || by == By.VECTOR) {
        before.add(new Hit(by, rank));
      }
    }
    if (by == By.WORDS) {
      words = ids.size();
    }
  }

  int size() {
    return hits.size();
  }

  /** The ids, the best first; of equals, the one that was added first. */
  List<Long> order(int limit) {
    return hits.entrySet().stream()
        .sorted(Comparator.comparingDouble(entry -> -score(entry.getValue())))
        .limit(limit)
        .map(Map.Entry::getKey)
        .toList();
  }

  List<Hit> hits(long id) {
    return hits.getOrDefault(id, List.of());
  }

  /** Beginnings come last, whatever their rank: nothing was found in them. */
  private static double score(List<Hit> found) {
    double score = 0;
    for (Hit hit : found) {
      score += hit.by() == By.BEGINNING ? 0 : 1.0 / (K + hit.rank());
    }
    return score;
  }
}
