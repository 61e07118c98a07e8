package dev.perdure.db;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * Tries to connect again and again for a while. A pool pauses ever longer between its tries, up to
 * 5 s; nodes that come back so far apart after an outage would take one another for dead.
 */
final class PatientDataSource extends PGSimpleDataSource {
  private static final long serialVersionUID = 1L;

  private static final Duration PAUSE = Duration.ofMillis(200);

  private final Duration patience;

  PatientDataSource(Duration patience) {
    this.patience = patience;
  }

  @Override
  public Connection getConnection(String user, String password) throws SQLException {
    long deadline = System.nanoTime() + patience.toNanos();
    while (true) {
      try {
        return super.getConnection(user, password);
      } catch (SQLException e) {
        if (deadline - System.nanoTime() <= 0) {
          throw e;
        }
        try {
          Thread.sleep(PAUSE);
        } catch (InterruptedException interrupt) {
          Thread.currentThread().interrupt();
          throw e;
        }
      }
    }
  }
}
