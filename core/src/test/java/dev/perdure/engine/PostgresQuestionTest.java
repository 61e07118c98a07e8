package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresQuestionTest extends QuestionContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}
