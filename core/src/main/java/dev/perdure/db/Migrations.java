package dev.perdure.db;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.testing.FaultPoints;
import dev.perdure.testing.FaultPoints.Point;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfo;
import org.flywaydb.core.api.callback.Callback;
import org.flywaydb.core.api.callback.Context;
import org.flywaydb.core.api.callback.Event;

/**
 * Brings a database to the schema of this build. Several nodes may start at once: Flyway takes a
 * lock in the database. Each migration is one transaction: a node that dies in the middle of it
 * leaves nothing behind. Stateless.
 */
final class Migrations {
  private static final String COMMON = "classpath:dev/perdure/db/migration";

  /** What cannot be written so that both databases read it, such as full-text indexes. */
  static final String SQLITE = "classpath:dev/perdure/db/sqlite";

  static final String POSTGRES = "classpath:dev/perdure/db/postgres";

  private Migrations() {}

  /**
   * @param own the location of the migrations of this kind of database
   * @throws PerdureException CONFIG if the database is newer than this build, or not Perdure's
   */
  static void run(DataSource dataSource, String own, MigrationOptions options) {
    try {
      Flyway flyway =
          Flyway.configure(Migrations.class.getClassLoader())
              .dataSource(dataSource)
              .locations(
                  Stream.concat(Stream.of(COMMON, own), options.more().stream())
                      .toArray(String[]::new))
              .callbacks(new BeforeCommit(options.faults()))
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
          "The database's schema cannot be brought to this build's version. Mend the cause, restore"
              + " a backup, or use an empty database.",
          e);
    }
  }

  /** Reaches a fault point when a migration has run and is not committed. */
  private record BeforeCommit(FaultPoints faults) implements Callback {
    @Override
    public boolean supports(Event event, Context context) {
      return event == Event.AFTER_EACH_MIGRATE;
    }

    @Override
    public boolean canHandleInTransaction(Event event, Context context) {
      return true;
    }

    @Override
    public void handle(Event event, Context context) {
      faults.at(Point.MIGRATING);
    }

    @Override
    public String getCallbackName() {
      return "fault-point";
    }
  }
}
