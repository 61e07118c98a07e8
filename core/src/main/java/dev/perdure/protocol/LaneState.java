package dev.perdure.protocol;

import java.util.Locale;
import java.util.Set;

/**
 * The states of a lane and the legal ways between them. A terminal lane may be opened again, by a
 * retry of that lane, for as long as its turn runs.
 */
public enum LaneState {
  PENDING,
  STREAMING,
  WAITING,
  COMPLETED,
  FAILED,
  CANCELLED;

  /** The states that a lane in this state may move to. */
  public Set<LaneState> next() {
    return switch (this) {
      case PENDING -> Set.of(STREAMING, FAILED, CANCELLED);
      case STREAMING -> Set.of(PENDING, WAITING, COMPLETED, FAILED, CANCELLED);
      case WAITING -> Set.of(PENDING, STREAMING, FAILED, CANCELLED);
      case COMPLETED, FAILED, CANCELLED -> Set.of(PENDING);
    };
  }

  /** Returns {@code to}, or throws naming both states when the change is illegal. */
  public LaneState to(LaneState to) {
    if (!next().contains(to)) {
      throw new IllegalStateException("A lane cannot go from " + this + " to " + to);
    }
    return to;
  }

  /** Whether the lane has ended, complete or not. */
  public boolean terminal() {
    return this == COMPLETED || this == FAILED || this == CANCELLED;
  }

  /** The name on the wire and in the database. */
  public String wire() {
    return name().toLowerCase(Locale.ROOT);
  }

  public static LaneState of(String wire) {
    return ClosedSet.value(LaneState.class, wire);
  }
}
