package dev.perdure.retrieval;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;

class SqliteSemanticTest extends SemanticContract {
  @TempDir Path dir;

  @Override
  Database open() {
    return ReadyDatabases.sqlite(dir);
  }
}
