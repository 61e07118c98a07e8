package dev.perdure.context;

/**
 * How much of a session a model is shown; the newest messages win.
 *
 * @param messages at most that many messages
 * @param chars at most that many characters (UTF-16 units) of text in all; the newest message is
 *     shown whole even if it is longer
 */
public record ContextLimits(int messages, int chars) {
  public static final ContextLimits DEFAULT = new ContextLimits(200, 400_000);
}
