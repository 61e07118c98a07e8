package dev.perdure.file;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresFilesTest extends FilesContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}
