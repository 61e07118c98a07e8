package dev.perdure.tool;

/** A call of a tool that failed and had no effect. The text is shown to the model and the user. */
public final class ToolException extends Exception {
  private static final long serialVersionUID = 1L;

  public ToolException(String message) {
    super(message);
  }
}
