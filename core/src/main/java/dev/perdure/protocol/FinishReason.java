package dev.perdure.protocol;

import java.util.Locale;

/** Why a model stopped, in words common to all providers. */
public enum FinishReason {
  STOP,
  LENGTH,
  CONTENT_FILTER,
  TOOL_CALLS,
  OTHER;

  /** The name on the wire and in the database. */
  public String wire() {
    return name().toLowerCase(Locale.ROOT);
  }

  public static FinishReason of(String wire) {
    return ClosedSet.value(FinishReason.class, wire);
  }
}
