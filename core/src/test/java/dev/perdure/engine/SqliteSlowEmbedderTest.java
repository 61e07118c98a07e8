package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.db.SqliteDatabase;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;

class SqliteSlowEmbedderTest extends SlowEmbedderContract {
  @TempDir Path dir;

  @Override
  Database open() {
    return SqliteDatabase.open(dir);
  }
}
