package dev.perdure.db;

import dev.perdure.protocol.PerdureException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteConfig.JournalMode;
import org.sqlite.SQLiteConfig.SynchronousMode;
import org.sqlite.SQLiteConfig.TempStore;
import org.sqlite.SQLiteDataSource;

/**
 * The embedded database: one file {@code perdure.db} in a directory that is locked for this
 * process, in WAL mode, fully synchronous, so that what was committed survives a power cut. One
 * writer with group commit, a few readers with snapshots. Thread-safe.
 */
public final class SqliteDatabase implements Database {
  static final String FILE = "perdure.db";
  private static final int BUSY_TIMEOUT_MILLIS = 10_000;

  /** Negative: in KiB, per connection. */
  private static final int CACHE_SIZE = -16 * 1024;

  /** What the WAL file is cut back to after a checkpoint. */
  private static final int JOURNAL_LIMIT_BYTES = 64 * 1024 * 1024;

  /** Pages in the WAL before a commit copies them into the file: 16 MB. */
  private static final int CHECKPOINT_PAGES = 4_000;

  private final DirectoryLock lock;
  private final SqliteWriter writer;
  private final SqliteReaders readers;
  private final LocalSignals signals = new LocalSignals();

  private SqliteDatabase(DirectoryLock lock, SqliteWriter writer, SqliteReaders readers) {
    this.lock = lock;
    this.writer = writer;
    this.readers = readers;
  }

  /**
   * Opens the database in a directory; creates both where they are missing.
   *
   * @throws PerdureException CONFIG if another process has the directory, or the file is of a newer
   *     build or not a database
   */
  public static SqliteDatabase open(Path dataDir) {
    return open(dataDir, MigrationOptions.DEFAULT);
  }

  /** The same, for a test of migrations. */
  public static SqliteDatabase open(Path dataDir, MigrationOptions migrations) {
    DirectoryLock lock = DirectoryLock.acquire(dataDir);
    boolean opened = false;
    try {
      String url = "jdbc:sqlite:" + dataDir.toAbsolutePath().resolve(FILE);
      SQLiteDataSource dataSource = new FoldingDataSource(config());
      dataSource.setUrl(url);
      Migrations.run(dataSource, Migrations.SQLITE, migrations);
      SqliteWriter writer = new SqliteWriter(dataSource);
      writer.start();
      opened = true;
      return new SqliteDatabase(lock, writer, new SqliteReaders(dataSource));
    } finally {
      if (!opened) {
        lock.close();
      }
    }
  }

  private static SQLiteConfig config() {
    SQLiteConfig config = new SQLiteConfig();
    config.setJournalMode(JournalMode.WAL);
    config.setSynchronous(SynchronousMode.FULL);
    config.enforceForeignKeys(true);
    config.setBusyTimeout(BUSY_TIMEOUT_MILLIS);
    config.setCacheSize(CACHE_SIZE);
    config.setJournalSizeLimit(JOURNAL_LIMIT_BYTES);
    config.setWalAutocheckpoint(CHECKPOINT_PAGES);
    // Savepoints keep the pages they may restore here, and not in a file made for each.
    config.setTempStore(TempStore.MEMORY);
    return config;
  }

  @Override
  public <T extends @Nullable Object> T write(Work<T> work) {
    return writer.write(work);
  }

  @Override
  public <T extends @Nullable Object> T read(Work<T> work) {
    return readers.read(work);
  }

  @Override
  public Signals signals() {
    return signals;
  }

  @Override
  public boolean shared() {
    return false;
  }

  @Override
  public void close() {
    readers.close();
    // The last connection: closing it moves the WAL into the file.
    writer.close();
    signals.close();
    lock.close();
  }
}
