package dev.perdure.it.chaos;

import java.util.Locale;

/** What can happen, what it is called in reports, and how often it does. */
enum Fault {
  KILL("kill -9", Of.NODE, 4, 5),
  CRASH("crash at a fault point", Of.NODE, 3, 4),
  STOP("SIGTERM", Of.NODE, 3, 3),
  FREEZE("SIGSTOP longer than the lease", Of.NODE, 3, 2),
  CLOCK("clock jump", Of.NODE, 2, 2),
  SLOW_COMMIT("slow commits", Of.NODE, 2, 2),
  DATABASE_CUT("database connections reset", Of.NODE, 2, 0),
  DATABASE_REFUSED("database refuses a node", Of.NODE, 2, 0),
  DATABASE_SILENT("database silent for a node", Of.NODE, 2, 0),
  DATABASE_SLOW("database slow for a node", Of.NODE, 2, 0),
  DISK_FULL("disk full", Of.NODE, 0, 3),
  DATABASE_RESTART("database restart", Of.ALL, 1, 0),
  DATABASE_CRASH("database crash", Of.ALL, 1, 0),
  DATABASE_LOCKED("all database connections stuck", Of.ALL, 1, 2),
  PROVIDER_REFUSED("provider refuses", Of.ALL, 1, 1),
  PROVIDER_SILENT("provider silent", Of.ALL, 1, 1),
  CLIENTS_CUT("client connections reset", Of.ALL, 3, 3);

  /** What a fault befalls. */
  private enum Of {
    NODE,
    ALL
  }

  final String text;
  private final Of of;
  private final int onPostgres;
  private final int onSqlite;

  /**
   * @param onPostgres its weight among the faults there
   */
  Fault(String text, Of of, int onPostgres, int onSqlite) {
    this.text = text;
    this.of = of;
    this.onPostgres = onPostgres;
    this.onSqlite = onSqlite;
  }

  boolean ofNode() {
    return of == Of.NODE;
  }

  /** Whether it ends a server's process. */
  boolean deadly() {
    return this == KILL || this == CRASH || this == STOP;
  }

  int weight(boolean sqlite) {
    return sqlite ? onSqlite : onPostgres;
  }

  /** As in a command line. */
  String option() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
