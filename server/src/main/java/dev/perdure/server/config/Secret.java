package dev.perdure.server.config;

import static java.util.Objects.requireNonNull;

/** A value that is never shown: printing it prints stars. */
public record Secret(String value) {
  private static final String MASK = "********";

  public Secret {
    requireNonNull(value, "value is null");
  }

  @Override
  public String toString() {
    return MASK;
  }
}
