package dev.perdure.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import java.util.List;
import org.junit.jupiter.api.Test;

class TableTest {
  @Test
  void a_row_has_the_median_of_its_runs_with_their_range_and_the_ratio_to_the_proxy() {
    String table =
        Table.of(
            List.of(
                result("sqlite", 10, 40, 1),
                result("proxy", 10, 100, 0),
                result("sqlite", 10, 60, 0),
                result("sqlite", 10, 50, 1),
                result("sqlite", 20, 70, 0)));

    List<String> rows = table.lines().skip(2).toList();
    assertThat(rows).hasSize(3);
    assertThat(cells(rows.getFirst()))
        .startsWith("sqlite", "10", "3", "–")
        .contains("50.0 (40.0–60.0) (1.0) + 0.0", "**50.0**", "0.50", "2, 0, 0, 0");
    assertThat(cells(rows.get(1))).startsWith("proxy", "10", "1").contains("1.00");
    assertThat(cells(rows.get(2))).startsWith("sqlite", "20").contains("70.0 (1.0) + 0.0", "–");
  }

  private static List<String> cells(String row) {
    return List.of(row.substring(2, row.length() - 2).split(" \\| "));
  }

  private static JsonNode result(String target, int turns, double cpu, int gaps) {
    var out = Json.MAPPER.createObjectNode().put("target", target).put("turns", turns);
    out.putObject("cpuSecondsPerMillion")
        .put("server", cpu)
        .put("compiler", 1.0)
        .put("database", 0.0);
    return out.put("gaps", gaps);
  }
}
