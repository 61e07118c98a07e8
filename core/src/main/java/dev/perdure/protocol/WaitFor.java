package dev.perdure.protocol;

import java.util.Locale;

/** What a call of a tool, or a turn, waits for that is not in the server's hands. */
public enum WaitFor {
  /** Somebody's yes or no to a call of a tool. */
  APPROVAL,
  /** The result of a call that the client itself makes. */
  CLIENT,
  /** Somebody's word on what became of a call that a crash cut short. */
  ATTENTION,
  /** A time to come. */
  TIME,
  /** The answer to a question. */
  INPUT;

  /** The name on the wire. */
  public String wire() {
    return name().toLowerCase(Locale.ROOT);
  }

  public static WaitFor of(String wire) {
    return ClosedSet.value(WaitFor.class, wire);
  }
}
