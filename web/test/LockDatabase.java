import java.sql.DriverManager;

/** Holds a SQLite file locked against writers until its input ends, so that a server waits for it. */
class LockDatabase {
  public static void main(String[] args) throws Exception {
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + args[0]);
        var statement = connection.createStatement()) {
      statement.execute("PRAGMA busy_timeout = 10000");
      statement.execute("BEGIN IMMEDIATE");
      System.out.println("locked");
      while (System.in.read() >= 0) {}
      statement.execute("ROLLBACK");
    }
  }
}
