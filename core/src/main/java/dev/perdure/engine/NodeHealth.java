package dev.perdure.engine;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How well this node keeps its own lease, which is what lets it judge the leases of others: after
 * an outage of the database every lease looks over, also if the outage was one of silence, in which
 * no beat failed but one took long. Written by the thread of the lease, read by all.
 */
final class NodeHealth {
  private final long patienceMillis;
  private final long leaseMillis;
  private volatile @Nullable Row row;

  /** Beats that followed each other closely: when the first and the last of them were done. */
  private record Row(long sinceMillis, long lastMillis) {}

  NodeHealth(Duration lease, Duration beat) {
    this.leaseMillis = lease.toMillis();
    this.patienceMillis = lease.minus(beat.dividedBy(2)).toMillis();
  }

  void beat(long nowMillis) {
    @Nullable Row before = row;
    row =
        new Row(
            before != null && fresh(before, nowMillis) ? before.sinceMillis : nowMillis, nowMillis);
  }

  void failed() {
    row = null;
  }

  /** Whether the last beat worked and the next one is not overdue. */
  boolean beats(long nowMillis) {
    @Nullable Row now = row;
    return now != null && fresh(now, nowMillis);
  }

  /** Whether the beats have been well for the length of a lease, and still are. */
  boolean mayJudge(long nowMillis) {
    @Nullable Row now = row;
    return now != null && fresh(now, nowMillis) && now.lastMillis - now.sinceMillis > leaseMillis;
  }

  private boolean fresh(Row of, long nowMillis) {
    return nowMillis - of.lastMillis <= patienceMillis;
  }
}
