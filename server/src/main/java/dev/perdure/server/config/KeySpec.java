package dev.perdure.server.config;

import java.util.Locale;

/**
 * One setting as the registry knows it.
 *
 * @param name such as {@code engine.turnTimeLimit}; {@code *} stands for a name that the operator
 *     gives
 * @param owner the record that holds it
 */
record KeySpec(String name, Class<?> owner, Class<?> type, Key key) {

  /** The environment variable, such as {@code PERDURE_ENGINE_TURN_TIME_LIMIT}. */
  String env() {
    return Keys.ENV_PREFIX + envWords(name);
  }

  /** Such as {@code 1s to 24h}; empty without bounds. */
  String range() {
    if (key.min().isEmpty() && key.max().isEmpty()) {
      return "";
    }
    return key.min() + " to " + key.max();
  }

  private static String envWords(String name) {
    return name.replaceAll("([a-z0-9])([A-Z])", "$1_$2")
        .replaceAll("[.-]", "_")
        .toUpperCase(Locale.ROOT);
  }

  /** Whether a variable can give it; one that was named by the operator is given by a file. */
  boolean hasVariable() {
    return Keys.ONLY_IN_FILES.stream().noneMatch(name::startsWith);
  }

  /** The setting of one thing with a name, if this is the pattern for all. */
  KeySpec named(String given) {
    return new KeySpec(name.replace("*", given), owner, type, key);
  }
}
