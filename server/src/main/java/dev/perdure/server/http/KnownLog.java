package dev.perdure.server.http;

import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.ToolDecided;
import dev.perdure.protocol.TurnEvent.ToolReturned;
import dev.perdure.protocol.TurnEvent.TurnWaiting;
import dev.perdure.protocol.WaitFor;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What a log has when a stream of it begins, as far as that decides how the stream is told: which
 * attempts count, and which waits are over. Used by one thread.
 */
public final class KnownLog {
  private static final int LANE = 0;

  private final boolean hidesVoid;
  private final TreeMap<Integer, Long> bySteps = new TreeMap<>();
  private final Map<String, Long> waitBeforeEnd = new HashMap<>();
  private long lastAttempt = -1;
  private final TreeSet<Long> waits = new TreeSet<>();
  private long last = -1;
  private long over = -1;

  /**
   * @param hidesVoid whether attempts that are void by now are not to be shown at all
   */
  public KnownLog(boolean hidesVoid) {
    this.hidesVoid = hidesVoid;
  }

  public void event(long seq, TurnEvent event) {
    last = seq;
    if (event instanceof AttemptStarted e && e.lane() == LANE) {
      // An attempt voids its step and those behind it.
      bySteps.tailMap(e.step(), true).clear();
      bySteps.put(e.step(), seq);
      lastAttempt = seq;
    } else if (event instanceof TurnWaiting e && forSomebody(e.waitsFor())) {
      waits.add(seq);
    } else if (event instanceof ToolDecided e) {
      waitBeforeEnd.putIfAbsent(e.call(), lastWait());
    } else if (event instanceof ToolReturned e) {
      waitBeforeEnd.putIfAbsent(e.call(), lastWait());
    }
  }

  /** Waits up to the last event are over. */
  public void answered() {
    over = last;
  }

  /** Waits are over but for the last one, if the turn waits now. */
  public void waiting(boolean now) {
    over = Math.max(over, now ? lastWait() - 1 : last);
  }

  /** The sequence number up to which waits are over. */
  public long over() {
    return over;
  }

  /** The wait at which a client stood that answers these calls. */
  public long waitOf(Set<String> calls) {
    return calls.stream()
        .mapToLong(call -> waitBeforeEnd.getOrDefault(call, lastWait()))
        .min()
        .orElse(lastWait());
  }

  /** Whether the turn waits for somebody there. */
  public boolean isWait(long seq) {
    return waits.contains(seq);
  }

  private long lastWait() {
    return waits.isEmpty() ? -1 : waits.last();
  }

  /** Whether a wait is one that a client can end. */
  public static boolean forSomebody(List<WaitFor> waits) {
    return waits.stream().anyMatch(wait -> wait != WaitFor.TIME);
  }

  public boolean isVoid(long seq) {
    return hidesVoid && seq <= lastAttempt && !bySteps.containsValue(seq);
  }
}
