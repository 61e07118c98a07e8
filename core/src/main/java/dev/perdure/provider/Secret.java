package dev.perdure.provider;

import java.util.Objects;

/** An API key. Nothing prints it by accident; {@link #reveal()} is for request headers only. */
public final class Secret {
  private static final String MASK = "***";

  private final String value;

  /**
   * @throws IllegalArgumentException if it is empty or could not stand in a header; the text does
   *     not hold it
   */
  public Secret(String value) {
    this.value = value.strip();
    if (this.value.isEmpty() || !this.value.chars().allMatch(c -> c > ' ' && c < 127)) {
      throw new IllegalArgumentException(
          "The API key is empty or holds characters other than visible ASCII. Copy it again.");
    }
  }

  /** The key itself. */
  public String reveal() {
    return value;
  }

  /** The text without the key, for what a vendor says in an error. */
  public String maskIn(String text) {
    return text.replace(value, MASK);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Secret secret && secret.value.equals(value);
  }

  @Override
  public int hashCode() {
    return Objects.hash(value);
  }

  @Override
  public String toString() {
    return MASK;
  }
}
