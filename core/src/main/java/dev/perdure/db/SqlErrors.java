package dev.perdure.db;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.sql.SQLException;
import java.sql.SQLNonTransientConnectionException;
import java.sql.SQLTransientConnectionException;
import java.util.Set;
import org.sqlite.SQLiteException;

/**
 * What a failure of a database means to a caller. The text never holds SQL or data of a row; the
 * cause is kept for the log.
 *
 * <p>SQLSTATE classes are those of the PostgreSQL manual, appendix A; result codes those of
 * sqlite.org/rescode.html.
 */
final class SqlErrors {
  private static final Set<String> AWAY_CLASSES =
      Set.of(
          "08", // connection exceptions
          "53", // out of resources: connections, memory, disk
          "55", // lock not available in time
          "57", // an operator has stopped something, or a time limit has
          "58"); // errors of the system below PostgreSQL

  private static final Set<String> AWAY =
      Set.of(
          "25006", // read only: a standby, after a failover
          "25P03", // a transaction was idle for too long: this process stood still
          "25P04"); // a transaction took too long, for the same reason
  private static final String SERIALIZATION_FAILURE = "40001";
  private static final String DEADLOCK = "40P01";
  private static final String UNIQUE_VIOLATION = "23505";
  private static final String FOREIGN_KEY_VIOLATION = "23503";

  private SqlErrors() {}

  /** Whether running the transaction once more may help. */
  static boolean repeatable(SQLException e) {
    String state = e.getSQLState();
    return SERIALIZATION_FAILURE.equals(state) || DEADLOCK.equals(state);
  }

  static PerdureException translate(SQLException e) {
    if (e instanceof SQLiteException sqlite) {
      return translateSqlite(sqlite);
    }
    String state = e.getSQLState() == null ? "" : e.getSQLState();
    if (UNIQUE_VIOLATION.equals(state) || FOREIGN_KEY_VIOLATION.equals(state)) {
      return conflict(e);
    }
    boolean away =
        e instanceof SQLTransientConnectionException
            || e instanceof SQLNonTransientConnectionException
            || AWAY.contains(state)
            || repeatable(e)
            || (state.length() == 5 && AWAY_CLASSES.contains(state.substring(0, 2)));
    return away ? unavailable("SQLSTATE " + state, e) : internal("SQLSTATE " + state, e);
  }

  private static PerdureException translateSqlite(SQLiteException e) {
    String name = e.getResultCode().name();
    return switch (e.getResultCode()) {
      case SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_FOREIGNKEY ->
          conflict(e);
      default ->
          switch (e.getResultCode().code & 0xff) {
            // PERM, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL
            case 3, 5, 6, 7, 8, 9, 10, 13, 14, 15 -> unavailable(name, e);
            default -> internal(name, e);
          };
    };
  }

  static PerdureException unavailable(String what, Throwable cause) {
    return new PerdureException(
        ErrorCode.DATABASE_UNAVAILABLE,
        "The database cannot be used at the moment (" + what + "). Try again shortly.",
        cause);
  }

  private static PerdureException internal(String what, SQLException cause) {
    return new PerdureException(
        ErrorCode.INTERNAL,
        "The database refused a statement (" + what + "). The server's log says more.",
        cause);
  }

  private static PerdureException conflict(SQLException cause) {
    return new PerdureException(
        ErrorCode.CONFLICT,
        "Somebody else has changed the same thing at the same time. Read it again and repeat.",
        cause);
  }
}
