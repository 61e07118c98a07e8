package dev.perdure.chat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Decision;
import org.jspecify.annotations.Nullable;

/**
 * Somebody's word on a call of a tool that waits for it.
 *
 * @param call its id
 * @param output the result, for {@link Decision#DONE}
 * @param text why, for the model; for {@link Decision#FAIL} what went wrong
 * @param inputHash what was decided about, as the event told it; null to trust the id
 * @param input for {@link Decision#APPROVE} other arguments than the model's; null for those
 */
public record Answer(
    String call,
    Decision decision,
    @Nullable JsonNode output,
    @Nullable String text,
    @Nullable String inputHash,
    @Nullable JsonNode input) {

  /** An answer that leaves the arguments as they are. */
  public Answer(
      String call,
      Decision decision,
      @Nullable JsonNode output,
      @Nullable String text,
      @Nullable String inputHash) {
    this(call, decision, output, text, inputHash, null);
  }
}
