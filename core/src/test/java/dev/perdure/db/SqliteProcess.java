package dev.perdure.db;

import dev.perdure.protocol.PerdureException;
import java.nio.file.Path;

/** A process of its own, for tests that kill it. */
final class SqliteProcess {
  private SqliteProcess() {}

  /**
   * {@code open DIR} opens the database and prints how that went; {@code write DIR} commits rows
   * and prints one line after each commit, for ever.
   */
  public static void main(String[] args) {
    try (Database database = SqliteDatabase.open(Path.of(args[1]))) {
      if (args[0].equals("open")) {
        System.out.println("open");
        return;
      }
      for (int i = 0; ; i++) {
        SqliteFaultTest.insert(database, "n" + i);
        System.out.println(i);
      }
    } catch (PerdureException e) {
      System.out.println(e.getMessage());
    }
  }
}
