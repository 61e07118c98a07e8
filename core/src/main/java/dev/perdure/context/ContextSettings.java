package dev.perdure.context;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an operator says of contexts.
 *
 * @param messages at most that many messages of the history are shown, whatever the window
 * @param chars at most that much text of the history, in UTF-16 units; bounds memory, and also what
 *     is paid for
 * @param windows {@code MODEL=TOKENS}, where MODEL is {@code provider/model} and may end in {@code
 *     *}; the first that fits goes before what is known of a model by its name
 * @param instructions the operator's part of the system prompt; null for none
 */
public record ContextSettings(
    int messages, int chars, List<String> windows, @Nullable String instructions) {
  public static final ContextSettings DEFAULT =
      new ContextSettings(500, 1_000_000, List.of(), null);

  public ContextSettings {
    windows = List.copyOf(windows);
  }
}
