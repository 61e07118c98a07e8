package dev.perdure.db;

import dev.perdure.testing.FaultPoints;
import java.util.List;

/**
 * What a test may change about how a database is brought to its schema.
 *
 * @param more places of migrations besides this build's own, as Flyway names them: with them this
 *     build plays a newer one
 */
public record MigrationOptions(List<String> more, FaultPoints faults) {
  public static final MigrationOptions DEFAULT = new MigrationOptions(List.of(), FaultPoints.NONE);

  public MigrationOptions {
    more = List.copyOf(more);
  }
}
