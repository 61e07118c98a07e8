package dev.perdure.protocol;

import java.util.Locale;

/**
 * Reads stored values of closed sets, such as the states of turns. A value that is in none is one
 * that a newer version has written: what holds it is left alone, and neither broken nor damaged.
 * Stateless.
 */
public final class ClosedSet {
  private ClosedSet() {}

  /**
   * The value with this name.
   *
   * @param stored its name in lower case
   * @throws PerdureException INTERNAL, of a newer version, if there is none
   */
  public static <E extends Enum<E>> E value(Class<E> set, String stored) {
    try {
      return Enum.valueOf(set, stored.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw PerdureException.newer(set.getSimpleName(), stored);
    }
  }
}
