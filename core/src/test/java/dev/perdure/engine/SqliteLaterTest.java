package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;

class SqliteLaterTest extends LaterContract {
  @TempDir Path dir;

  @Override
  Database open() {
    return ReadyDatabases.sqlite(dir);
  }
}
