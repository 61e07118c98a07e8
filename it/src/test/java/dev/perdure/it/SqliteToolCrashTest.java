package dev.perdure.it;

import org.junit.jupiter.api.Order;

/** On one server, which is started again. */
@Order(1) // the long ones first, so that the others fill the gaps
class SqliteToolCrashTest extends ToolCrashContract {

  @Override
  Server start(Server.Setup setup) {
    return setup.start(dir.resolve("data"));
  }

  @Override
  String jdbcUrl() {
    return "jdbc:sqlite:" + dir.resolve("data").resolve("perdure.db").toAbsolutePath();
  }

  @Override
  Api other() {
    return doomed().api();
  }
}
