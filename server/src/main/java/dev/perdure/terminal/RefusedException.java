package dev.perdure.terminal;

/** The server has answered, and the answer is no. The text is safe to print. */
final class RefusedException extends Exception {
  private static final long serialVersionUID = 1L;

  private final int status;
  private final String text;

  RefusedException(int status, String text) {
    super(text);
    this.status = status;
    this.text = text;
  }

  /** What the server said. */
  String text() {
    return text;
  }

  int status() {
    return status;
  }

  /** Whether the same request may succeed a little later. */
  boolean temporary() {
    return status == 429 || status >= 500;
  }
}
