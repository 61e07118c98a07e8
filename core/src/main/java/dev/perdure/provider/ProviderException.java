package dev.perdure.provider;

import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A call to a model that gave no complete reply. The message is fit for clients: it holds what the
 * vendor said (bounded, stripped of control characters) but never a key or a header.
 */
public final class ProviderException extends Exception {
  private static final long serialVersionUID = 1L;

  /** What went wrong, as far as the decision to try again needs it. */
  public enum Kind {
    RATE_LIMITED(true),
    OVERLOADED(true),
    SERVER(true),
    CONNECT(true),
    FIRST_TOKEN_TIMEOUT(true),
    IDLE_TIMEOUT(true),
    TRUNCATED(true),
    MALFORMED(true),
    STREAM_ERROR(true),
    AUTH(false),
    INVALID(false),
    CONTENT_FILTER(false),
    CANCELLED(false),
    /** Not asked at all: the model has failed too often lately. */
    CIRCUIT_OPEN(true);

    private final boolean retryable;

    Kind(boolean retryable) {
      this.retryable = retryable;
    }

    /** Whether the same request may succeed when sent again. */
    public boolean retryable() {
      return retryable;
    }

    /** What an answer with this HTTP status means: 400 and above, or one nobody asked for. */
    public static Kind ofStatus(int status) {
      return switch (status) {
        case 429 -> RATE_LIMITED;
        case 503, 529 -> OVERLOADED;
        // 402 is an account without credit, 407 a proxy with a password.
        case 401, 402, 403, 407 -> AUTH;
        // Timeouts and conflicts pass; everything else below 500 is the request's own fault.
        case 408, 409, 425 -> SERVER;
        default -> status >= 500 ? SERVER : INVALID;
      };
    }

    /**
     * What an error inside a stream means. Where it names nothing more than that the server failed,
     * the place where it happened says more.
     */
    public static Kind ofStreamError(int status) {
      Kind kind = status < 400 ? SERVER : ofStatus(status);
      return kind == SERVER ? STREAM_ERROR : kind;
    }

    /** The name on the wire. */
    public String wire() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private final Kind kind;
  private final int status;
  private final @Nullable Duration retryAfter;

  public ProviderException(Kind kind, String message) {
    this(kind, message, 0, null, null);
  }

  /**
   * @param status the HTTP status, 0 if there was none
   * @param retryAfter how long the vendor asks to wait; null if it does not say
   */
  public ProviderException(
      Kind kind,
      String message,
      int status,
      @Nullable Duration retryAfter,
      @Nullable Throwable cause) {
    super(message, cause);
    this.kind = kind;
    this.status = status;
    this.retryAfter = retryAfter;
  }

  public Kind kind() {
    return kind;
  }

  public int status() {
    return status;
  }

  public @Nullable Duration retryAfter() {
    return retryAfter;
  }
}
