package dev.perdure.tool;

/**
 * A call of a tool that failed; unless made by {@link #unknown}, it had no effect. The text is
 * shown to the model and the user.
 */
public final class ToolException extends Exception {
  private static final long serialVersionUID = 1L;

  private final boolean mayHaveActed;

  public ToolException(String message) {
    this(message, false);
  }

  private ToolException(String message, boolean mayHaveActed) {
    super(message);
    this.mayHaveActed = mayHaveActed;
  }

  /** A call of which nobody knows whether it had its effect. */
  public static ToolException unknown(String message) {
    return new ToolException(message, true);
  }

  /** Whether it may have had its effect all the same. */
  public boolean mayHaveActed() {
    return mayHaveActed;
  }
}
