package dev.perdure.retrieval;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A text that an owner has given to be drawn upon. Times are milliseconds since 1970.
 *
 * @param session the only session that may draw upon it; null for all of the owner's
 * @param size of the content, in bytes
 * @param hash SHA-256 of the content, lower-case hex
 * @param reason why it failed, for people; null unless it has
 * @param chunks how many pieces it was cut into; 0 until it is ready
 */
public record Document(
    String id,
    @Nullable String session,
    String name,
    MediaType mediaType,
    long size,
    String hash,
    State state,
    @Nullable String reason,
    long chunks,
    long createdAtMillis,
    long updatedAtMillis) {

  /** {@code PENDING → READY | FAILED}. Only a ready one is drawn upon. */
  public enum State {
    PENDING,
    READY,
    FAILED;

    public String wire() {
      return name().toLowerCase(Locale.ROOT);
    }
  }
}
