package dev.perdure.chat;

import org.jspecify.annotations.Nullable;

/**
 * How much of tools a reply may use, within what the server allows; null for as much as that.
 *
 * @param steps model calls of one reply
 * @param calls of tools of one reply
 * @param tokens input and output of one reply beyond which no further step begins
 */
public record ToolLimits(@Nullable Integer steps, @Nullable Integer calls, @Nullable Long tokens) {
  public static final ToolLimits NONE = new ToolLimits(null, null, null);

  /** The smaller ones of both. */
  ToolLimits and(@Nullable ToolLimits other) {
    return other == null
        ? this
        : new ToolLimits(
            least(steps, other.steps), least(calls, other.calls), least(tokens, other.tokens));
  }

  private static <T extends Comparable<T>> @Nullable T least(@Nullable T one, @Nullable T other) {
    return one == null || (other != null && other.compareTo(one) < 0) ? other : one;
  }
}
