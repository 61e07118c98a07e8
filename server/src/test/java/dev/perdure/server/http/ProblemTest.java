package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ProblemTest {
  @ParameterizedTest
  @EnumSource(ErrorCode.class)
  void every_code_is_a_problem_document(ErrorCode code) throws Exception {
    String nasty = "a \"quote\", \r\n a line, \u0000 and half a pair \ud83d";

    JsonNode json = Json.MAPPER.readTree(new Problem(code, nasty, "/v1/turns").json());

    assertThat(json.path("type").textValue()).isEqualTo("/problems/" + code.wire());
    assertThat(json.path("code").textValue()).isEqualTo(code.wire());
    assertThat(json.path("status").intValue()).isEqualTo(code.status()).isBetween(400, 599);
    assertThat(json.path("retryable").booleanValue()).isEqualTo(code.retryable());
    assertThat(json.path("title").textValue()).isNotBlank().isEqualTo(Problem.title(code));
    assertThat(json.path("detail").textValue()).isEqualTo(nasty.replace('\ud83d', '?'));
    assertThat(json.path("instance").textValue()).isEqualTo("/v1/turns");
    assertThat(json.has("messages")).isFalse();
  }
}
