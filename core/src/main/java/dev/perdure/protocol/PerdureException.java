package dev.perdure.protocol;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The one unchecked exception of Perdure. The message is written for the caller: the value that was
 * refused, the cause, and the fix. It never holds a credential or another caller's data.
 */
public final class PerdureException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ErrorCode code;
  private final transient @Nullable Busy busy;
  private final boolean newer;

  /**
   * What a refusal for want of room says to programs.
   *
   * @param queued turns in the queue of the whole server
   * @param waitMillis how long the caller's organisation has been waiting there
   * @param retryAfter when another try is worth it
   */
  public record Busy(long queued, long waitMillis, Duration retryAfter) {}

  public PerdureException(ErrorCode code, String message) {
    this(code, message, null, null, false);
  }

  public PerdureException(ErrorCode code, String message, @Nullable Throwable cause) {
    this(code, message, cause, null, false);
  }

  private PerdureException(
      ErrorCode code,
      String message,
      @Nullable Throwable cause,
      @Nullable Busy busy,
      boolean newer) {
    super(requireNonNull(message, "message is null"), cause);
    this.code = requireNonNull(code, "code is null");
    this.busy = busy;
    this.newer = newer;
  }

  public ErrorCode code() {
    return code;
  }

  /** Figures of the queue; null unless the queue is the reason. */
  public @Nullable Busy busy() {
    return busy;
  }

  /** A refusal because of what is open or queued already. */
  public static PerdureException noRoom(ErrorCode code, String message, Busy busy) {
    return new PerdureException(code, message, null, busy, false);
  }

  /** Something stored holds a value of a closed set that this version does not know. */
  public static PerdureException newer(String set, String value) {
    String shown = value.length() <= 64 ? value : value.substring(0, 64) + "…";
    return new PerdureException(
        ErrorCode.INTERNAL,
        "What is stored holds the "
            + set
            + " '"
            + shown.replaceAll("[^A-Za-z0-9_.-]", "?")
            + "', which this version does not know: a newer one has written it.",
        null,
        null,
        true);
  }

  /** Whether a newer version has written what cannot be read; then it is not damaged. */
  public boolean isNewer() {
    return newer;
  }

  /** The answer for an id that does not exist, or exists but belongs to somebody else. */
  public static PerdureException notFound(String kind, String id) {
    return new PerdureException(
        ErrorCode.NOT_FOUND, "No " + kind + " '" + id + "' is known to you. Check the id.");
  }
}
