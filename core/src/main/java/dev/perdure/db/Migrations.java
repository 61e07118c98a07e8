package dev.perdure.db;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfo;

/**
 * Brings a database to the schema of this build. Several nodes may start at once: Flyway takes a
 * lock in the database. Stateless.
 */
final class Migrations {
  private static final String LOCATION = "classpath:dev/perdure/db/migration";

  private Migrations() {}

  /**
   * @throws PerdureException CONFIG if the database is newer than this build, or not Perdure's
   */
  static void run(DataSource dataSource) {
    try {
      Flyway flyway =
          Flyway.configure(Migrations.class.getClassLoader())
              .dataSource(dataSource)
              .locations(LOCATION)
              .loggers("slf4j")
              .load();
      for (MigrationInfo migration : flyway.info().all()) {
        if (migration.getState().isApplied() && !migration.getState().isResolved()) {
          throw new PerdureException(
              ErrorCode.CONFIG,
              "The database has schema version "
                  + migration.getVersion()
                  + ", which this build does not know. Run the newer build that has written it, or"
                  + " use another database.");
        }
      }
      flyway.migrate();
    } catch (FlywayException e) {
      throw new PerdureException(
          ErrorCode.CONFIG,
          "The database's schema cannot be brought to this build's version. The cause is in the"
              + " server's log; restore a backup or use an empty database.",
          e);
    }
  }
}
