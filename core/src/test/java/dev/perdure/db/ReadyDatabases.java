package dev.perdure.db;

import dev.perdure.testing.EmbeddedPostgresServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * Databases for tests that are not about how a schema comes about: copies of one that was migrated
 * once in this JVM, which takes a fifth of the time that its migrations take. Thread-safe.
 */
public final class ReadyDatabases {
  private ReadyDatabases() {}

  private static final class Postgres {
    private static final String MIGRATED = migrated();

    private static String migrated() {
      String url = EmbeddedPostgresServer.shared().createDatabase();
      PostgresDatabase.open(url, null, null, PostgresOptions.DEFAULT).close();
      return url;
    }
  }

  private static final class Sqlite {
    private static final byte[] MIGRATED = migrated();

    private static byte[] migrated() {
      try {
        Path dir = Files.createTempDirectory("perdure-migrated-");
        SqliteDatabase.open(dir).close();
        byte[] file = Files.readAllBytes(dir.resolve(SqliteDatabase.FILE));
        try (Stream<Path> files = Files.list(dir)) {
          for (Path one : files.toList()) {
            Files.delete(one);
          }
        }
        Files.delete(dir);
        return file;
      } catch (IOException e) {
        throw new UncheckedIOException("SQLite for tests cannot be prepared", e);
      }
    }
  }

  /** A new database on the shared PostgreSQL of this JVM. */
  public static PostgresDatabase postgres() {
    return PostgresDatabase.open(postgresUrl(), null, null, PostgresOptions.DEFAULT);
  }

  /** The address of such a database, for tests with several nodes. */
  public static String postgresUrl() {
    return EmbeddedPostgresServer.shared().copyDatabase(Postgres.MIGRATED);
  }

  /** The database in the directory; a new one if there is none. */
  public static SqliteDatabase sqlite(Path dir) {
    Path file = dir.resolve(SqliteDatabase.FILE);
    try {
      if (!Files.exists(file)) {
        Files.createDirectories(dir);
        Files.write(file, Sqlite.MIGRATED);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("SQLite for tests cannot be prepared in " + dir, e);
    }
    return SqliteDatabase.open(dir);
  }
}
