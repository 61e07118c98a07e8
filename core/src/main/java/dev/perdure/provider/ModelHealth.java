package dev.perdure.provider;

import java.util.Locale;

/**
 * How a model has done lately, as one node has seen it.
 *
 * @param model {@code provider/model}
 * @param circuit whether it is asked at all
 * @param calls the latest calls that are counted
 * @param failures those of them that failed by the vendor's fault
 * @param firstMillis the median time to the first word of the latest calls that had one; -1 for
 *     none
 * @param slowMillis the same for the slowest twentieth
 */
public record ModelHealth(
    String model, Circuit circuit, int calls, int failures, long firstMillis, long slowMillis) {

  /** What a circuit breaker lets through. */
  public enum Circuit {
    /** Every call. */
    CLOSED,
    /** None: it has failed too often and is left alone for a while. */
    OPEN,
    /** A few, to see whether it has recovered. */
    PROBING;

    public String wire() {
      return name().toLowerCase(Locale.ROOT);
    }
  }
}
