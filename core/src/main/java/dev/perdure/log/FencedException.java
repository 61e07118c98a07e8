package dev.perdure.log;

/** The turn has a new holder: this writer is late and must stop its provider call. */
public final class FencedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public FencedException(String turn, long epoch) {
    super("Turn " + turn + " is no longer held with epoch " + epoch + "; this node lets it go.");
  }
}
