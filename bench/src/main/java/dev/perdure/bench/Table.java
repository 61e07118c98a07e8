package dev.perdure.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/**
 * Results of the load driver as a table in Markdown: a row for each target and number of turns,
 * with the median of its runs and, where there were several, their range. Stateless.
 */
final class Table {
  private static final String HEAD =
      """
      | target | turns | runs | ack p50, p99 ms | added p50, p99 ms | resume p50, p99 ms \
      | CPU-s per million: server (of it JIT) + database | sum | of the proxy | heap, RSS per turn KB \
      | gaps, doubles, differing, failed | provider, driver CPU-s | cores of others |
      |---|---|---|---|---|---|---|---|---|---|---|---|---|
      """;

  private static final List<String> FLAWS = List.of("gaps", "duplicates", "differing", "failed");

  private Table() {}

  /** Prints the table of files with a result in each line. */
  static int print(List<String> files) throws IOException {
    if (files.isEmpty()) {
      throw new IllegalArgumentException("table needs the files that load has written.");
    }
    List<JsonNode> results = new ArrayList<>();
    for (String file : files) {
      for (String line : Files.readAllLines(Path.of(file))) {
        results.add(Json.MAPPER.readTree(line));
      }
    }
    System.out.print(of(results));
    return 0;
  }

  static String of(List<JsonNode> results) {
    Map<String, List<JsonNode>> groups =
        results.stream()
            .collect(
                Collectors.groupingBy(
                    result -> result.path("turns").asText() + result.path("target").asText(),
                    LinkedHashMap::new,
                    Collectors.toList()));
    StringBuilder out = new StringBuilder(HEAD);
    groups.values().forEach(runs -> out.append(row(runs, results)));
    return out.toString();
  }

  private static String row(List<JsonNode> runs, List<JsonNode> all) {
    JsonNode first = runs.getFirst();
    int turns = first.path("turns").asInt();
    List<JsonNode> proxy =
        all.stream()
            .filter(result -> result.path("target").asText().equals(LoadOptions.PROXY))
            .filter(result -> result.path("turns").asInt() == turns)
            .toList();
    return "| "
        + String.join(
            " | ",
            first.path("target").asText(),
            Integer.toString(turns),
            Integer.toString(runs.size()),
            percentiles(runs, "ackMs"),
            percentiles(runs, "addedMs"),
            percentiles(runs, "resumeMs"),
            range(runs, "/cpuSecondsPerMillion/server", "%.1f")
                + " ("
                + range(runs, "/cpuSecondsPerMillion/compiler", "%.1f")
                + ")"
                + " + "
                + range(runs, "/cpuSecondsPerMillion/database", "%.1f"),
            String.format(Locale.ROOT, "**%.1f**", cpu(runs)),
            proxy.isEmpty() ? "–" : String.format(Locale.ROOT, "%.2f", cpu(runs) / cpu(proxy)),
            range(runs, "/kibPerTurn/heap", "%.0f")
                + ", "
                + range(runs, "/kibPerTurn/resident", "%.0f"),
            FLAWS.stream()
                .map(flaw ->
                    Long.toString(runs.stream().mapToLong(r -> r.path(flaw).asLong()).sum()))
                .collect(Collectors.joining(", ")),
            range(runs, "/cpuSecondsPerMillion/provider", "%.1f")
                + ", "
                + range(runs, "/cpuSecondsPerMillion/driver", "%.1f"),
            range(runs, "/coresUsedByOthers", "%.1f"))
        + " |\n";
  }

  private static String percentiles(List<JsonNode> runs, String of) {
    boolean any = runs.stream().anyMatch(run -> run.path(of).path("count").asLong() > 0);
    return any
        ? range(runs, "/" + of + "/p50", "%.1f") + ", " + range(runs, "/" + of + "/p99", "%.1f")
        : "–";
  }

  /** Median CPU seconds of server and database. */
  private static double cpu(List<JsonNode> runs) {
    return median(
            runs.stream()
                .map(run -> run.path("cpuSecondsPerMillion"))
                .map(cpu -> cpu.path("server").asDouble() + cpu.path("database").asDouble())
                .sorted()
                .toList())
        .orElse(Double.NaN);
  }

  /** The median, and the range behind it if there is one. */
  private static String range(List<JsonNode> runs, String pointer, String format) {
    List<Double> values =
        runs.stream()
            .map(run -> run.at(pointer))
            .filter(JsonNode::isNumber)
            .map(JsonNode::asDouble)
            .sorted()
            .toList();
    OptionalDouble median = median(values);
    if (median.isEmpty()) {
      return "–";
    }
    String middle = String.format(Locale.ROOT, format, median.getAsDouble());
    String low = String.format(Locale.ROOT, format, values.getFirst());
    String high = String.format(Locale.ROOT, format, values.getLast());
    return low.equals(high) ? middle : middle + " (" + low + "–" + high + ")";
  }

  private static OptionalDouble median(List<Double> sorted) {
    int half = sorted.size() / 2;
    if (sorted.isEmpty()) {
      return OptionalDouble.empty();
    }
    return OptionalDouble.of(
        sorted.size() % 2 == 1 ? sorted.get(half) : (sorted.get(half - 1) + sorted.get(half)) / 2);
  }
}
