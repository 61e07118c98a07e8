package dev.perdure.chat;

import dev.perdure.protocol.GenerationParams;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * How a turn is to be answered: what of a message's request outlives the accepting of it.
 *
 * @param models one lane each, {@code provider/model}; the same model may stand twice
 * @param fallbacks models that a lane goes on with, in order, when its own keeps failing
 * @param instructions the system prompt; null for none
 * @param recovery what becomes of a model call that a crash cut short
 */
public record TurnRequest(
    List<String> models,
    List<String> fallbacks,
    @Nullable String instructions,
    GenerationParams params,
    Recovery recovery) {

  public TurnRequest {
    models = List.copyOf(models);
    fallbacks = List.copyOf(fallbacks);
  }

  /** {@code RESTART}: a new attempt. {@code FAIL}: the lane fails, with the text so far. */
  public enum Recovery {
    RESTART,
    FAIL;

    public String wire() {
      return name().toLowerCase(Locale.ROOT);
    }
  }
}
