package dev.perdure.chat;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresChatReadsTest extends ChatReadsContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}
