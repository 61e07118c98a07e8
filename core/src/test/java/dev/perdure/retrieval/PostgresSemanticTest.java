package dev.perdure.retrieval;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresSemanticTest extends SemanticContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}
