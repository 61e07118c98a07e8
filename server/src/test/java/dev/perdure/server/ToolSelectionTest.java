package dev.perdure.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.config.ConfigLoader;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.Tools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ToolSelectionTest {
  @TempDir private Path directory;

  private Tools tools(String yaml) throws IOException {
    Files.writeString(directory.resolve("perdure.yaml"), yaml);
    InstantSource clock = InstantSource.fixed(Instant.EPOCH);
    try (ToolSelection selection =
        new ToolSelection(
            ConfigLoader.load(List.of(), Map.of(), directory),
            Map.of("TOKEN", "s3cret")::get,
            clock,
            List.of())) {
      return selection.tools();
    }
  }

  @Test
  void a_tool_is_what_the_file_says() throws IOException {
    Tools tools =
        tools(
            """
            tools:
              timeout: 7s
              answerTimeout: 1h
              maxSteps: 3
              http:
                order_status:
                  url: https://shop.example/orders/{id}
                  method: get
                  description: Says where an order is.
                  effect: read
                  headers:
                    - "Authorization: Bearer ${env:TOKEN}"
                  schema:
                    type: object
                    required: [id]
                    properties:
                      id: {type: string, pattern: '^[0-9]{1,9}$'}
                      deep: {type: integer, minimum: 1, maximum: 5, default: 2}
                    additionalProperties: false
                refund:
                  url: https://shop.example/refunds
                  description: Pays an order back.
                  timeout: 2s
                  approval: when /cents > 1000
                  schema: {type: object, properties: {cents: {type: integer}}}
            """);
    assertThat(tools.names()).contains("time", "order_status", "refund");
    assertThat(tools.limits().maxSteps()).isEqualTo(3);
    assertThat(tools.limits().answerWithin()).isEqualTo(Duration.ofHours(1));
    Tool.Spec status = tools.find("order_status").orElseThrow().spec();
    assertThat(status.effect()).isEqualTo(Effect.READ);
    assertThat(status.limit()).isEqualTo(Duration.ofSeconds(7));
    assertThat(status.approval().needed(Json.trusted("{}"))).isFalse();
    assertThat(tools.fault("order_status", Json.trusted("{\"id\":\"77\",\"deep\":5}"))).isEmpty();
    assertThat(tools.fault("order_status", Json.trusted("{\"id\":\"x\"}"))).isPresent();
    assertThat(tools.fault("order_status", Json.trusted("{\"id\":\"7\",\"deep\":9}"))).isPresent();
    Tool.Spec refund = tools.find("refund").orElseThrow().spec();
    assertThat(refund.effect()).isEqualTo(Effect.UNSAFE);
    assertThat(refund.limit()).isEqualTo(Duration.ofSeconds(2));
    assertThat(refund.approval().needed(Json.trusted("{\"cents\":1000}"))).isFalse();
    assertThat(refund.approval().needed(Json.trusted("{\"cents\":1001}"))).isTrue();
  }

  @Test
  void what_is_not_said_is_taken_for_the_worst() throws IOException {
    Tool.Spec spec =
        tools("tools.http.act: {url: 'https://a.example/', description: Acts.}")
            .find("act")
            .orElseThrow()
            .spec();
    assertThat(spec.effect()).isEqualTo(Effect.UNSAFE);
    assertThat(spec.approval().needed(Json.trusted("{}"))).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{description: D.} | tools.http.x has no url",
        "{url: 'https://a/'} | tools.http.x has no description",
        "{url: 'ftp://a/', description: D.} | is no URL of a tool",
        "{url: 'https://a/{id}', description: D.} | needs 'id'",
        "{url: 'https://a/', description: D., schema: {type: array}} | \"type\": \"object\"",
        "{url: 'https://a/', description: D., schema: text} | Write a JSON object",
        "{url: 'https://a/', description: D., efect: read} | Did you mean 'tools.http.NAME.effect'",
        "{url: 'https://a/', description: D., effect: none} | one of read, idempotent, unsafe",
        "{url: 'https://a/', description: D., approval: maybe} | is not 'never'",
        "{url: 'https://a/', description: D., approval: when /x = 1} | has no property 'x'",
        "{url: 'https://a/', description: D., headers: ['A: ${env:GONE}']} | GONE is not set",
        "{url: 'https://a/', description: D., headers: ['Cookie: x']} | Refer to it",
        "{url: 'https://a/', description: D., timeout: 2h} | tools.http.*.timeout is 2h"
      })
  void what_makes_no_tool_stops_the_start(String given, String why) {
    assertThatThrownBy(() -> tools("tools: {http: {x: " + given + "}}"))
        .isInstanceOf(PerdureException.class)
        .hasMessageContaining(why);
  }

  @Test
  void a_range_that_is_none_stops_the_start() {
    assertThatThrownBy(() -> tools("tools.allowedAddresses: [localhost]"))
        .hasMessageContaining("tools.allowedAddresses")
        .hasMessageContaining("'localhost'");
    assertThatThrownBy(() -> tools("tools.http.time: {url: 'https://a/', description: D.}"))
        .hasMessageContaining("two tools with the name 'time'");
  }
}
