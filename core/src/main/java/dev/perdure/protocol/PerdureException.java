package dev.perdure.protocol;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/**
 * The one unchecked exception of Perdure. The message is written for the caller: the value that was
 * refused, the cause, and the fix. It never holds a credential or another caller's data.
 */
public final class PerdureException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ErrorCode code;

  public PerdureException(ErrorCode code, String message) {
    this(code, message, null);
  }

  public PerdureException(ErrorCode code, String message, @Nullable Throwable cause) {
    super(requireNonNull(message, "message is null"), cause);
    this.code = requireNonNull(code, "code is null");
  }

  public ErrorCode code() {
    return code;
  }

  /** The answer for an id that does not exist, or exists but belongs to somebody else. */
  public static PerdureException notFound(String kind, String id) {
    return new PerdureException(
        ErrorCode.NOT_FOUND, "No " + kind + " '" + id + "' is known to you. Check the id.");
  }
}
