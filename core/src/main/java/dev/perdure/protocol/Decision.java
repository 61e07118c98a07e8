package dev.perdure.protocol;

import java.util.Locale;

/** What was decided about a call that waited. */
public enum Decision {
  /** The call may run. */
  APPROVE,
  /** The call must not run. */
  REFUSE,
  /** Nobody decided in time. */
  EXPIRED,
  /** The call had its effect; the result is given. */
  DONE,
  /** The call is to run again. */
  REPEAT,
  /** The call counts as failed. */
  FAIL;

  /** The name on the wire. */
  public String wire() {
    return name().toLowerCase(Locale.ROOT);
  }

  public static Decision of(String wire) {
    return ClosedSet.value(Decision.class, wire);
  }
}
