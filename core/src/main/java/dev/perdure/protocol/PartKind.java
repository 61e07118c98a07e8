package dev.perdure.protocol;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/** What a part of a message is; the only kinds that a model streams as text so far. */
public enum PartKind {
  TEXT("text"),
  REASONING("reasoning");

  private final String wire;

  PartKind(String wire) {
    this.wire = wire;
  }

  /** The name on the wire and in the database. */
  @JsonValue
  public String wire() {
    return wire;
  }

  @JsonCreator
  public static PartKind of(String wire) {
    for (PartKind kind : values()) {
      if (kind.wire.equals(wire)) {
        return kind;
      }
    }
    throw PerdureException.newer("PartKind", wire);
  }
}
