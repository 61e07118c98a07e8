package dev.perdure.chat;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresDeletionTest extends DeletionContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}
