package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.it.chaos.Archive;
import dev.perdure.it.check.Checker;
import dev.perdure.it.check.Observation;
import dev.perdure.it.check.Observation.Answered;
import dev.perdure.it.check.Observation.End;
import dev.perdure.it.check.Observation.Posted;
import dev.perdure.it.check.Observation.Request;
import dev.perdure.it.check.Observation.Streamed;
import dev.perdure.it.check.Stored.ProviderCall;
import dev.perdure.it.check.Stored.ToolRequest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes down what the clients of a test did and saw, so that the checker can judge it with all of
 * its rules. Thread-safe.
 */
final class Witness {
  private final Map<String, List<Observation>> bySession = new LinkedHashMap<>();

  /**
   * A message whose reply is known: the marker, alone on its last line, is how the journal of the
   * fake provider knows it.
   */
  static Request request(String marker, String model, String says, int millisPerWord) {
    String text = Prompts.say(says, millisPerWord) + "\n" + marker;
    return new Request("key-" + marker, marker, text, says, List.of(model), "enqueue");
  }

  /** Sends it, once more with the same key if that is what the test repeats. */
  Api.Answer post(Api api, String session, Request request) {
    long at = System.currentTimeMillis();
    try {
      Api.Answer answer =
          api.submitRaw(
              session,
              Api.body(request.text(), request.models().toArray(String[]::new)),
              "Idempotency-Key",
              request.key());
      boolean accepted = answer.status() == 202;
      add(
          session,
          new Posted(
              request,
              0,
              at,
              System.currentTimeMillis(),
              answer.status(),
              accepted ? Api.turnOf(answer) : null,
              accepted ? null : answer.json().path("code").asText()));
      return answer;
    } catch (Api.Unreachable e) {
      add(session, new Posted(request, 0, at, System.currentTimeMillis(), 0, null, null));
      throw e;
    }
  }

  /** What a client has read of a turn, over all of its connections. */
  void read(String session, String turn, Transcript seen) {
    List<String> lines = seen.events().stream().map(event -> event.json().toString()).toList();
    End end = seen.ended() ? End.TURN_ENDED : End.CLIENT;
    String client;
    synchronized (bySession) {
      client = "reader-" + bySession.getOrDefault(session, List.of()).size();
    }
    long now = System.currentTimeMillis();
    add(session, new Streamed(client, turn, 0, now, now, 200, null, null, lines, null, null, end));
  }

  private void add(String session, Observation seen) {
    synchronized (bySession) {
      bySession.computeIfAbsent(session, id -> new ArrayList<>()).add(seen);
    }
  }

  /** Decides about a call that waits. */
  Api.Answer answer(Api api, String session, String turn, ObjectNode body) {
    long at = System.currentTimeMillis();
    Api.Answer answer = api.post("/v1/turns/" + turn + "/answers", body.toString());
    add(
        session,
        new Answered(
            turn,
            body.path("call").asText(),
            body.path("decision").asText(),
            0,
            at,
            System.currentTimeMillis(),
            answer.status()));
    return answer;
  }

  /** Fails if any rule is broken, or anything was left behind. */
  void judge(String jdbcUrl, List<ProviderCall> calls) {
    judge(jdbcUrl, calls, List.of());
  }

  /** The same, with what the services behind tools were asked for. */
  void judge(String jdbcUrl, List<ProviderCall> calls, List<ToolRequest> requests) {
    Checker checker = new Checker(calls, List.of(), Checker.DEFAULT_GRACE);
    checker.toolRequests(requests);
    try (Archive archive = new Archive(jdbcUrl)) {
      synchronized (bySession) {
        bySession.forEach((session, seen) -> checker.check(seen, archive.session(session)));
      }
      archive.leftovers().forEach(text -> checker.left("database", text));
    }
    assertThat(checker.violations()).isEmpty();
  }

  /** A call out of the journal of the fake provider. */
  static ProviderCall call(JsonNode json) {
    String tail = json.required("tail").textValue();
    return new ProviderCall(
        json.required("id").longValue(),
        tail.substring(tail.lastIndexOf('\n') + 1),
        json.required("wire").textValue(),
        Instant.parse(json.required("received").textValue()).toEpochMilli(),
        json.required("state").textValue());
  }
}
