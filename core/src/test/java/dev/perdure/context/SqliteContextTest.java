package dev.perdure.context;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;

class SqliteContextTest extends ContextContract {
  @TempDir Path dir;

  @Override
  Database open() {
    return ReadyDatabases.sqlite(dir);
  }
}
