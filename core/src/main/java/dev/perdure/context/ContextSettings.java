package dev.perdure.context;

import java.time.Duration;
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
 * @param summaries of what no longer fits
 */
public record ContextSettings(
    int messages,
    int chars,
    List<String> windows,
    @Nullable String instructions,
    Summaries summaries) {
  public static final ContextSettings DEFAULT =
      new ContextSettings(500, 1_000_000, List.of(), null);

  /** With summaries as they are by default. */
  public ContextSettings(
      int messages, int chars, List<String> windows, @Nullable String instructions) {
    this(messages, chars, windows, instructions, Summaries.DEFAULT);
  }

  /**
   * @param on whether there are any
   * @param model {@code provider/model} that writes them; null for the one that is to reply
   * @param tokens how long one may be, about
   * @param within how long its writing may take
   */
  public record Summaries(boolean on, @Nullable String model, int tokens, Duration within) {
    public static final Summaries DEFAULT =
        new Summaries(true, null, 1_500, Duration.ofSeconds(90));
  }

  public ContextSettings {
    windows = List.copyOf(windows);
  }
}
