package dev.perdure.db;

import java.time.Duration;

/**
 * How a node talks to PostgreSQL. Besides these pools it has two connections for hints, and up to
 * six for what is urgent ({@link Database#urgently}).
 *
 * @param writeConnections the most transactions that write at the same time
 * @param readConnections the most transactions that read at the same time
 * @param connectTimeout for opening one connection
 * @param borrowTimeout how long a caller waits for a free connection
 * @param statementTimeout after which the server ends a statement, or a wait for a lock
 */
public record PostgresOptions(
    int writeConnections,
    int readConnections,
    Duration connectTimeout,
    Duration borrowTimeout,
    Duration statementTimeout) {
  public static final PostgresOptions DEFAULT =
      new PostgresOptions(
          12, 8, Duration.ofSeconds(5), Duration.ofSeconds(10), Duration.ofSeconds(30));

  public PostgresOptions {
    atLeastOne("writeConnections", writeConnections);
    atLeastOne("readConnections", readConnections);
    positive("connectTimeout", connectTimeout);
    positive("borrowTimeout", borrowTimeout);
    positive("statementTimeout", statementTimeout);
  }

  /** How long a silent socket is waited for: by then the server has ended the statement itself. */
  Duration socketTimeout() {
    return statementTimeout.plus(connectTimeout);
  }

  private static void atLeastOne(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " is " + value + "; it must be at least 1.");
    }
  }

  private static void positive(String name, Duration value) {
    if (value.compareTo(Duration.ofSeconds(1)) < 0) {
      throw new IllegalArgumentException(name + " is " + value + "; it must be at least 1 s.");
    }
  }
}
