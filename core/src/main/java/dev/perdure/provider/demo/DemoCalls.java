package dev.perdure.provider.demo;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Counts the calls with the same history, so that a fault can hit only the first of them.
 * Thread-safe; forgets the oldest beyond a bound.
 */
public final class DemoCalls {
  private static final int MAX_REMEMBERED = 10_000;

  private final Map<Integer, Integer> counts =
      new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Integer, Integer> eldest) {
          return size() > MAX_REMEMBERED;
        }
      };

  /** Which call with this model and history it is, from 1. */
  public synchronized int next(String model, Object history) {
    return counts.merge(key(model, history), 1, Integer::sum);
  }

  /** A call went well: who says the same again, in another session, sees the fault again. */
  public synchronized void succeeded(String model, Object history) {
    counts.remove(key(model, history));
  }

  private static int key(String model, Object history) {
    return 31 * model.hashCode() + history.hashCode();
  }
}
