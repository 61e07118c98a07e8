package dev.perdure.protocol;

import java.util.Locale;
import java.util.Set;

/**
 * The states of a turn and the legal ways between them. Takeover and drain lead back through {@link
 * #QUEUED}, with a higher epoch at the next claim. A turn that is cancelled while nobody runs it is
 * completed if one of its lanes was before.
 */
public enum TurnState {
  QUEUED,
  RUNNING,
  WAITING,
  COMPLETED,
  FAILED,
  CANCELLED,
  /** To be queued at a time to come; no part of its session's conversation before. */
  SCHEDULED;

  /** The states that a turn in this state may move to. */
  public Set<TurnState> next() {
    return switch (this) {
      case QUEUED -> Set.of(RUNNING, COMPLETED, FAILED, CANCELLED, SCHEDULED);
      case RUNNING -> Set.of(QUEUED, WAITING, COMPLETED, FAILED, CANCELLED);
      case WAITING -> Set.of(QUEUED, RUNNING, COMPLETED, FAILED, CANCELLED);
      case SCHEDULED -> Set.of(QUEUED, RUNNING, FAILED, CANCELLED);
      case COMPLETED, FAILED, CANCELLED -> Set.of();
    };
  }

  /** Returns {@code to}, or throws naming both states when the change is illegal. */
  public TurnState to(TurnState to) {
    if (!next().contains(to)) {
      throw new IllegalStateException("A turn cannot go from " + this + " to " + to);
    }
    return to;
  }

  /** Whether no further change is possible. */
  public boolean terminal() {
    return next().isEmpty();
  }

  /** The name on the wire and in the database. */
  public String wire() {
    return name().toLowerCase(Locale.ROOT);
  }

  public static TurnState of(String wire) {
    return ClosedSet.value(TurnState.class, wire);
  }
}
