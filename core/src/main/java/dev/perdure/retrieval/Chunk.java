package dev.perdure.retrieval;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A piece of a document or of a message.
 *
 * @param document null for a piece of a message
 * @param name of the document; null for a piece of a message
 * @param mediaType of the document; null for a piece of a message
 * @param message null for a piece of a document
 * @param role who wrote the message; null for a piece of a document
 * @param part order within the document or message, from 0
 * @param hits by which searches it was found
 */
public record Chunk(
    long id,
    @Nullable String document,
    @Nullable String name,
    @Nullable String mediaType,
    @Nullable String message,
    @Nullable String role,
    int part,
    String text,
    List<Hit> hits) {

  public Chunk {
    hits = List.copyOf(hits);
  }

  /** What was compared. */
  public enum By {
    /** The question's words, and the place of a piece among those that have them. */
    WORDS,
    /** The letters of its words; ranks go on behind those of the words. */
    LETTERS,
    /** Its vector. */
    VECTOR,
    /** Nothing: a session's document begins with it. */
    BEGINNING;

    public String wire() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * Found by one search.
   *
   * @param rank from 1
   */
  public record Hit(By by, int rank) {}

  Chunk foundBy(List<Hit> searches) {
    return new Chunk(id, document, name, mediaType, message, role, part, text, searches);
  }
}
