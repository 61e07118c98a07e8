package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.Caller;
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
  void calls_of_tools_are_listed_without_what_was_asked_and_answered(@TempDir Path data)
      throws Exception {
    try (Door door = new Door(data)) {
      String session = door.session();
      String turn = door.turn(session, "secret question");
      door.provider.call().ask("time", "{\"zone\":\"Europe/Vienna\"}").finish();
      door.provider.call().say("secret words").finish();
      try (EventReader events = door.events("/v1/turns/" + turn + "/events")) {
        events.rest();
      }
      JsonNode all = door.get("/v1/operator/calls").json();
      assertThat(all.path("items")).hasSize(1);
      assertThat(all.has("next")).isFalse();
      JsonNode call = all.path("items").path(0);
      JsonNode row = door.get("/v1/turns/" + turn + "/calls").json().at("/items/0");
      for (String same : List.of("call", "tool", "effect", "inputHash", "state", "createdAt")) {
        assertThat(call.get(same)).as(same).isNotNull().isEqualTo(row.get(same));
      }
      assertThat(call.path("turn").textValue()).isEqualTo(turn);
      assertThat(call.path("session").textValue()).isEqualTo(session);
      assertThat(call.path("tenant").textValue()).isEqualTo(Caller.LOCAL.tenant());
      assertThat(call.path("own").booleanValue()).isTrue();
      assertThat(all.toString()).doesNotContain("secret").doesNotContain("Vienna");
      for (String some : List.of("state=done", "tool=time", "turn=" + turn, "tenant=local")) {
        assertThat(items(door, some)).as(some).hasSize(1);
      }
      String other = "turn_" + "0".repeat(26);
      for (String none :
          List.of(
              "state=attention", "undo=due", "tool=pay", "owner=ann", "turn=" + other, before())) {
        assertThat(items(door, none)).as(none).isEmpty();
      }
    }
  }

  private static String before() {
    return "before=call_" + "0".repeat(26);
  }

  private static JsonNode items(Door door, String query) throws Exception {
    return door.get("/v1/operator/calls?" + query).json().path("items");
  }

  @Test
  void a_filter_that_cannot_be_is_refused_with_what_it_can_be(@TempDir Path data) throws Exception {
    try (Door door = new Door(data)) {
      refused(door, "state=atention", "invalid_request", "Did you mean 'attention'?");
      refused(door, "state=", "invalid_request", "It can be: approval, approved");
      refused(door, "undo=owed", "invalid_request", "It can be: due, done, failed");
      refused(door, "turn=x", "invalid_request", "not the id of a turn");
      refused(door, "tool=", "invalid_request", "1 to 255 characters");
      refused(door, "tenant=" + "x".repeat(256), "invalid_request", "1 to 255 characters");
      refused(door, "before=turn_1", "invalid_cursor", "first page");
      refused(door, "limit=0", "invalid_request", "whole number");
      refused(door, "status=done", "invalid_request", "'status' is not known");
    }
  }

  private static void refused(Door door, String query, String code, String why) throws Exception {
    Door.Answer answer = door.get("/v1/operator/calls?" + query);
    assertThat(answer.status()).as(query).isEqualTo(400);
    assertThat(answer.json().path("code").textValue()).as(query).isEqualTo(code);
    assertThat(answer.json().path("detail").textValue()).as(query).contains(why);
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
      assertThat(door.get("/v1/operator/calls").status()).isEqualTo(401);
      assertThat(door.get("/v1/operator/calls", "Authorization", "Bearer " + KEY).status())
          .isEqualTo(403);
    }
  }
}
