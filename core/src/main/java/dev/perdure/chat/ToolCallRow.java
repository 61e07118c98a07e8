package dev.perdure.chat;

import dev.perdure.protocol.TurnError;
import org.jspecify.annotations.Nullable;

/**
 * One call of a tool in the effect ledger. Times are milliseconds since 1970 by the database's
 * clock.
 *
 * @param id also the key that makes it idempotent
 * @param effect {@code read}, {@code idempotent} or {@code unsafe}, as declared when it began
 * @param runs how often the tool was started
 * @param output compact JSON; null without a result
 * @param reason what who decided has said
 * @param input the arguments as compact JSON, where somebody has changed them; null for the model's
 *     own, which the log has
 * @param replaces the call that it is made in the place of; null for none
 * @param expiresAtMillis until when an answer is waited for; null for ever
 * @param nowMillis when it was read
 */
public record ToolCallRow(
    String id,
    int lane,
    int step,
    String tool,
    String effect,
    String inputHash,
    CallState state,
    long runs,
    @Nullable String output,
    @Nullable TurnError error,
    @Nullable String reason,
    @Nullable String input,
    @Nullable String replaces,
    @Nullable Long expiresAtMillis,
    @Nullable Long decidedAtMillis,
    long createdAtMillis,
    long updatedAtMillis,
    long nowMillis) {

  /**
   * Whether the time for an answer is over. What needs attention may have had to be approved in
   * time before; for what is to become of it there is no limit.
   */
  public boolean expired() {
    return state != CallState.ATTENTION && expiresAtMillis != null && expiresAtMillis <= nowMillis;
  }
}
