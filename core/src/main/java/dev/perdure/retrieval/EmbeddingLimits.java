package dev.perdure.retrieval;

import java.time.Duration;

/**
 * What finding by vectors may cost.
 *
 * @param call how long making the vectors of one batch of pieces may take
 * @param question how long a turn waits for the vector of its question
 * @param minSimilarity the least cosine, in percent, of what counts as found
 * @param cacheBytes for vectors of scopes that were searched lately
 */
public record EmbeddingLimits(
    Duration call, Duration question, int minSimilarity, long cacheBytes) {
  public static final EmbeddingLimits DEFAULT =
      new EmbeddingLimits(Duration.ofSeconds(30), Duration.ofMillis(300), 30, 64L * 1024 * 1024);
}
