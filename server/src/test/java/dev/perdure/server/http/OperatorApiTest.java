package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.server.auth.ApiKeys;
import dev.perdure.server.auth.Authenticator;
import dev.perdure.server.auth.StreamTokens;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the server does for all, shown to its operators only. */
class OperatorApiTest {
  private static final String KEY = "a-key-that-is-long-enough";

  @Test
  void the_local_user_sees_turns_by_state_and_how_they_ended(@TempDir Path data) throws Exception {
    try (Door door = new Door(data)) {
      String turn = door.turn(door.session(), "one");
      door.provider.call().say("secret words").finish();
      try (EventReader events = door.events("/v1/turns/" + turn + "/events")) {
        events.rest();
      }
      door.turn(door.session(), "two");
      HandProvider.Call running = door.provider.call();
      JsonNode shown = door.get("/v1/operator").json();
      assertThat(shown.at("/open/running").intValue()).isEqualTo(1);
      assertThat(shown.at("/open/queued").intValue()).isZero();
      assertThat(shown.at("/ended/completed").intValue()).isEqualTo(1);
      assertThat(shown.at("/tookMillis/p95").longValue()).isNotNegative();
      assertThat(shown.at("/nodes/0/running").intValue()).isEqualTo(1);
      assertThat(shown.toString()).doesNotContain("secret");
      running.finish();
    }
  }

  @Test
  void others_are_refused(@TempDir Path data) throws Exception {
    StreamTokens tokens =
        new StreamTokens(new byte[32], Duration.ofMinutes(1), InstantSource.system());
    Authenticator authenticator =
        Authenticator.requiring(List.of(ApiKeys.parse("acme/ada:" + KEY)), tokens, false);
    try (Door door = new Door(data, HttpLimits.DEFAULT, authenticator, tokens, List.of())) {
      Door.Answer answer = door.get("/v1/operator", "Authorization", "Bearer " + KEY);
      assertThat(answer.status()).isEqualTo(403);
      assertThat(answer.text()).contains("acme/ada", "auth.operators");
      assertThat(door.get("/v1/operator").status()).isEqualTo(401);
    }
  }
}
