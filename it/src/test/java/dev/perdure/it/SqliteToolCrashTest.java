package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.testing.FaultPoints.Point;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** On one server, which is started again. */
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
  void alone() {}

  @Override
  void together() {}

  @Override
  Api other() {
    return doomed().api();
  }

  @ParameterizedTest
  @EnumSource(
      value = Point.class,
      names = {"CLAIMING", "CLAIMED"})
  void what_is_due_starts_once_though_its_server_is_killed_at(Point point) {
    Survivor waits = send(doomed().api(), "/tool wait {\"for\":\"PT3S\"}", WAITS);
    Survivor later = send(doomed().api(), "/echo Later.", "'delay':'PT3S'");
    awaitIdle(waits);
    plan("crash=" + point.name().toLowerCase(Locale.ROOT));
    startAgain();
    assertThat(completedOnce(waits)).contains("\"now\"");
    assertThat(completedOnce(later)).isEqualTo("Later.");
    assertThat(other().messages(later.session())).hasSize(2);
  }

  @Test
  void a_call_is_made_once_though_its_server_is_killed_between_the_approval_and_the_call() {
    Survivor asks = send(doomed().api(), "/tool ask {\"n\":100}", "");
    JsonNode call = awaitCall(asks, "approval");
    plan("crash=claiming");
    // It may die before it can answer.
    CompletableFuture<?> decided =
        CompletableFuture.runAsync(() -> approve(doomed().api(), asks, call));
    startAgain();
    decided.handle((ok, failure) -> "").join();
    assertThat(completedOnce(asks)).contains("ok");
    assertThat(service.asked(call.path("call").asText())).hasSize(1);
  }
}
