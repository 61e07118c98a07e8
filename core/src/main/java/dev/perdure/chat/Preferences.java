package dev.perdure.chat;

import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What an owner wants to hold in all of his sessions.
 *
 * @param instructions his part of the system prompt; null for none
 * @param facts names and values, sorted by name, such as a language or a city; models see them as
 *     data
 * @param updatedAtMillis null if they were never set
 */
public record Preferences(
    @Nullable String instructions, Map<String, String> facts, @Nullable Long updatedAtMillis) {
  public static final Preferences NONE = new Preferences(null, Map.of(), null);

  public Preferences {
    facts = new TreeMap<>(facts);
  }
}
