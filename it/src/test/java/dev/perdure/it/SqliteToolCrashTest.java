package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.testing.FaultPoints.Point;
import java.util.Locale;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

  @ParameterizedTest
  @CsvSource({"TOOL_INTENT, 1", "TOOL_MADE, 2"})
  void an_effect_is_undone_under_one_key_though_the_server_is_killed_at(Point point, int requests) {
    Api api = doomed().api();
    String session = api.createSession();
    String turn = api.submit(session, "/tool book {\"n\":1}\n/tool ask {\"n\":100}");
    Survivor survivor = new Survivor(session, turn);
    Await.until("the wait", () -> api.state(turn).equals("waiting") ? "" : null);
    plan("crash=" + point.name().toLowerCase(Locale.ROOT));
    api.cancel(turn);
    startAgain();
    JsonNode call =
        Await.until(
            "the effect to be undone",
            () -> {
              for (JsonNode one : calls(survivor)) {
                if (one.at("/undo/state").asText().equals("done")) {
                  return one;
                }
              }
              return null;
            });
    assertThat(other().state(turn)).isEqualTo("cancelled");
    assertThat(call.path("tool").asText()).isEqualTo("book");
    String id = call.path("call").asText();
    assertThat(service.asked(id)).hasSize(1);
    assertThat(service.undone(id))
        .hasSize(requests)
        .extracting(ToolService.Asked::key)
        .containsOnly(id + "-undo");
    assertThat(service.undone(id).getFirst().body()).contains("\"n\":1").contains("\"ok\"");
  }
}
