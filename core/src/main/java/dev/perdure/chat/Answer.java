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
 */
public record Answer(
    String call,
    Decision decision,
    @Nullable JsonNode output,
    @Nullable String text,
    @Nullable String inputHash) {}
