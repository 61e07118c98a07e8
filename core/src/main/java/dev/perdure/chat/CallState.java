package dev.perdure.chat;

import dev.perdure.protocol.ClosedSet;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** The states of a call of a tool in the effect ledger, and the legal ways between them. */
public enum CallState {
  /** Somebody must say yes before it runs. */
  APPROVAL,
  APPROVED,
  REFUSED,
  /** Somebody has said yes to other arguments: another call is made in its place. */
  SUPERSEDED,
  /** The client runs it and gives the result. */
  CLIENT,
  /** A time to come is waited for. */
  TIME,
  /** The answer to a question is waited for. */
  INPUT,
  /** The tool may have been started; what came of it is not known here. */
  INTENT,
  /** What came of it will not be known, and it must not run twice: somebody must say. */
  ATTENTION,
  /** Somebody has said that it shall run again. */
  REPEAT,
  DONE,
  FAILED,
  /** Nobody answered in time. */
  EXPIRED,
  /** The reply ended before the call did. */
  ABANDONED;

  /** The states that a call in this state may move to. */
  public Set<CallState> next() {
    return switch (this) {
      case APPROVAL -> Set.of(APPROVED, REFUSED, SUPERSEDED, EXPIRED, ABANDONED);
      case APPROVED, REPEAT -> Set.of(INTENT, FAILED, ABANDONED);
      case CLIENT -> Set.of(DONE, FAILED, EXPIRED, ABANDONED);
      case TIME -> Set.of(DONE, ABANDONED);
      case INPUT -> Set.of(DONE, REFUSED, EXPIRED, ABANDONED);
      case INTENT -> Set.of(INTENT, ATTENTION, DONE, FAILED, ABANDONED);
      case ATTENTION -> Set.of(REPEAT, DONE, FAILED, ABANDONED);
      case REFUSED, SUPERSEDED, DONE, FAILED, EXPIRED, ABANDONED -> Set.of();
    };
  }

  /** Returns {@code to}, or throws naming both states when the change is illegal. */
  public CallState to(CallState to) {
    if (!next().contains(to)) {
      throw new IllegalStateException("A call of a tool cannot go from " + this + " to " + to);
    }
    return to;
  }

  /** Whether it waits for somebody's word, or for a time. */
  public boolean waits() {
    return this == APPROVAL || this == CLIENT || this == ATTENTION || this == TIME || this == INPUT;
  }

  /** The name in the database and on the wire. */
  public String wire() {
    return name().toLowerCase(Locale.ROOT);
  }

  public static CallState of(String wire) {
    return ClosedSet.value(CallState.class, wire);
  }

  /** {@code 'a', 'b'}: the states that wait, for a statement. */
  static String waiting() {
    return list(Arrays.stream(values()).filter(CallState::waits).toList());
  }

  /** {@code 'a', 'b'}: the states that are not the last, for a statement. */
  static String open() {
    return list(Arrays.stream(values()).filter(state -> !state.next().isEmpty()).toList());
  }

  private static String list(List<CallState> states) {
    return String.join(", ", states.stream().map(state -> "'" + state.wire() + "'").toList());
  }
}
