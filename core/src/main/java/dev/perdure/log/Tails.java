package dev.perdure.log;

import java.util.Collection;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The tails in use: one for each turn that is written or followed on this node, gone when the last
 * of them leaves. Thread-safe.
 */
final class Tails {
  private final int tailBytes;
  private final ConcurrentHashMap<String, Tail> tails = new ConcurrentHashMap<>();
  private volatile boolean released;

  Tails(int tailBytes) {
    this.tailBytes = tailBytes;
  }

  /** The turn's tail, which stays until it is left as often as it was entered. */
  Tail enter(String turn, boolean writer) {
    return tails.compute(
        turn,
        (key, present) -> {
          Tail tail = present == null ? new Tail(turn, tailBytes) : present;
          tail.enter(writer);
          return tail;
        });
  }

  void leave(Tail tail, boolean writer) {
    tails.computeIfPresent(tail.turn(), (key, present) -> present.leave(writer) ? null : present);
  }

  @Nullable Tail get(String turn) {
    return tails.get(turn);
  }

  Collection<Tail> all() {
    return tails.values();
  }

  void publish(LogBlock block) {
    Tail tail = tails.get(block.turn());
    if (tail != null) {
      tail.publish(block);
    }
  }

  /** Lets every follower that waits ask again whether it should. */
  void wakeAll() {
    tails.values().forEach(Tail::wakeAll);
  }

  /** Ends the waiting of all followers, present and future. */
  void release() {
    released = true;
    wakeAll();
  }

  boolean released() {
    return released;
  }
}
