package dev.perdure.provider.demo;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Something that goes wrong in a {@link DemoScript}.
 *
 * @param kind what goes wrong
 * @param at how many chunks were sent before; 0 is before the first one, and for {@code ERROR},
 *     {@code HANG} and {@code RESET} before the headers of the answer
 * @param status the HTTP status of an {@code ERROR}
 * @param time how long a {@code STALL} lasts
 * @param times how many calls with the same prompt it hits; later ones succeed
 * @param retryAfter what an {@code ERROR} asks the client to wait; null for nothing
 */
public record DemoFault(
    Kind kind, int at, int status, Duration time, int times, @Nullable Duration retryAfter) {

  /** {@link #times} of a fault that never goes away. */
  public static final int ALWAYS = Integer.MAX_VALUE;

  /** The ways in which an answer can fail. */
  public enum Kind {
    /** An HTTP error, or an error inside the stream once it has begun. */
    ERROR,
    /** A clean end without the terminator. */
    TRUNCATE,
    /** Silence for a while; then the answer goes on. */
    STALL,
    /** A chunk that is not JSON. */
    GARBAGE,
    /** The connection ends inside a chunk. */
    CUT,
    /** The connection is reset. */
    RESET,
    /** Silence that does not end. */
    HANG
  }
}
