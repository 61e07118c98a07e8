package dev.perdure.it.chaos;

import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The embedded database in the directory of the one server that has it. */
final class SqliteStore implements Store {
  private static final String FILE = "perdure.db";
  private static final int PATIENCE_MILLIS = 10_000;

  private final Path data;

  SqliteStore(Path home) {
    this.data = home.resolve("data");
  }

  @Override
  public String url() {
    return "jdbc:sqlite:file:" + data.resolve(FILE) + "?mode=ro&busy_timeout=" + PATIENCE_MILLIS;
  }

  @Override
  public @Nullable Gate place(Map<String, String> env, Path home) {
    env.put("PERDURE_DATA", data.toString());
    return null;
  }

  @Override
  public Blockade block() {
    // A writer that does not come to an end; the driver begins a transaction with the first write.
    return PostgresStore.Locks.take(
        "jdbc:sqlite:" + data.resolve(FILE) + "?busy_timeout=" + PATIENCE_MILLIS,
        "UPDATE node SET version = version");
  }

  @Override
  public long bytes() {
    // Half of the write-ahead log: it has room for a few more commits at the most.
    return data.resolve(FILE + "-wal").toFile().length() / 2;
  }

  @Override
  public void stop(boolean inOrder) {
    throw new UnsupportedOperationException("It lives and dies with its server");
  }

  @Override
  public void start() {
    throw new UnsupportedOperationException("It lives and dies with its server");
  }

  @Override
  public void close() {
    // Nothing runs.
  }
}
