package dev.perdure.tool;

import dev.perdure.protocol.ClosedSet;
import java.util.Locale;

/** What a tool does to the world, which says whether a call that was cut short may be repeated. */
public enum Effect {
  /** Nothing: it may be repeated. */
  READ,
  /** Something, but only once for each key: it may be repeated with the same key. */
  IDEMPOTENT,
  /** Something, each time: it must not be repeated unless somebody says so. */
  UNSAFE;

  /** Whether a call may be made again without asking anybody. */
  public boolean repeatable() {
    return this != UNSAFE;
  }

  public String wire() {
    return name().toLowerCase(Locale.ROOT);
  }

  public static Effect of(String wire) {
    return ClosedSet.value(Effect.class, wire);
  }
}
