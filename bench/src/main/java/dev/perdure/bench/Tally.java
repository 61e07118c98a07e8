package dev.perdure.bench;

import java.util.LinkedHashMap;
import java.util.Map;

/** What the clients of one phase have seen. For one thread. */
final class Tally {
  private static final int KINDS_OF_FAILURE = 20;

  /** From sending a message to having its 202. */
  final Latencies ack = new Latencies();

  /** From a chunk's departure at the provider to its arrival at the client. */
  final Latencies added = new Latencies();

  /** From sending a message to its first chunk. */
  final Latencies first = new Latencies();

  /** From asking for the rest of a running reply, on a new connection, to the first byte of it. */
  final Latencies resume = new Latencies();

  /** Chunks that arrived, at all followers. */
  long chunks;

  long events;
  long bytes;
  long gaps;
  long duplicates;
  long attempts;

  /** Turns whose stored message is not what was streamed. */
  long differing;

  private final Map<String, Integer> failures = new LinkedHashMap<>();
  private int failed;

  void failure(String why) {
    failed++;
    String kind = why.replaceAll("[0-9a-f]{8,}|\\d+", "N");
    if (failures.containsKey(kind) || failures.size() < KINDS_OF_FAILURE) {
      failures.merge(kind, 1, Integer::sum);
    }
  }

  /** Turns, or followers of them, that did not come to a good end. */
  int failed() {
    return failed;
  }

  Map<String, Integer> failures() {
    return failures;
  }
}
