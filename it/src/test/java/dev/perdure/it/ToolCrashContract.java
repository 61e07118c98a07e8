package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.it.check.Observation.Request;
import dev.perdure.testing.FaultPoints.Point;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A server dies at each place between the wish for a tool and its result, and while it lets a turn
 * wait; then the call is finished by what the tool has declared, or by what somebody decides. The
 * service behind the tools counts. In the end the checker must find no rule broken.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class ToolCrashContract {
  static final int KILLED = 137;
  private static final int AT_ONCE = 8;

  final ToolService service = new ToolService();
  private final Witness witness = new Witness();
  Path dir = Path.of("");
  private Path faults = Path.of("");
  private Server doomed;
  private int marks;

  /** Starts a server at the place of this suite; the same one again each time. */
  abstract Server start(Server.Setup setup);

  /** Where its database is. */
  abstract String jdbcUrl();

  /** Ends every server but the one that dies, for as long as {@link #together} is not called. */
  abstract void alone();

  abstract void together();

  /** Where clients go that do not ask the server that dies. */
  abstract Api other();

  Server.Setup settings() {
    return Server.setup().arg("--config", service.config(dir).toString());
  }

  Server doomed() {
    return doomed;
  }

  @BeforeAll
  void startDoomed(@TempDir Path place) {
    dir = place;
    faults = dir.resolve("faults");
    doomed = start(settings().env("JAVA_TOOL_OPTIONS", "-Dperdure.faults=" + faults));
  }

  @AfterAll
  void judge() {
    doomed.url();
    witness.judge(jdbcUrl(), List.of(), service.requests());
    doomed.close();
    service.close();
  }

  /** A turn that waits or goes on where a server has died. */
  record Survivor(String session, String turn) {}

  /** A message that makes the model ask for one call, and then say what came of it. */
  private Request request(String tool, int n, String result) {
    String marker = "m" + marks++;
    // The server looks for its plan of faults every 20 ms.
    String text = "/stall 60ms at 0\n/tool " + tool + " {\"n\":" + n + "}\n" + marker;
    return new Request(
        "key-" + marker,
        marker,
        text,
        "Let me see. The tools say: " + result,
        List.of("demo/demo"),
        "enqueue");
  }

  /** Sends the message; the server dies at the point, and is started again. */
  private Survivor dies(Point point, Request request) {
    return die(point, List.of(request)).getFirst();
  }

  /**
   * Sends each message to a session of its own; the server dies when all of them stand at the
   * point, and is started again.
   */
  private List<Survivor> die(Point point, List<Request> requests) {
    List<String> sessions = requests.stream().map(request -> doomed.api().createSession()).toList();
    plan("crash=" + point.name().toLowerCase(Locale.ROOT) + "*" + requests.size());
    for (int i = 0; i < requests.size(); i++) {
      try {
        witness.post(doomed.api(), sessions.get(i), requests.get(i));
      } catch (Api.Unreachable e) {
        // It died before it could answer; the key will find the turn.
      }
    }
    startAgain();
    List<Survivor> survivors = new ArrayList<>();
    for (int i = 0; i < requests.size(); i++) {
      Api.Answer answer = witness.post(doomed.api(), sessions.get(i), requests.get(i));
      survivors.add(new Survivor(sessions.get(i), Api.turnOf(answer)));
    }
    return survivors;
  }

  void plan(String fault) {
    try {
      Files.writeString(faults, fault);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Waits for its death. */
  void startAgain() {
    assertThat(doomed.process().awaitExit()).as(doomed.process().output()).isEqualTo(KILLED);
    plan("");
    doomed.startAgain();
  }

  JsonNode calls(Survivor survivor) {
    return other().get("/v1/turns/" + survivor.turn + "/calls").expect(200).json().path("items");
  }

  private JsonNode call(Survivor survivor) {
    return calls(survivor).path(0);
  }

  JsonNode awaitCall(Survivor survivor, String state) {
    return Await.until(
        "a call that is " + state,
        () -> {
          JsonNode call = call(survivor);
          boolean waits = other().state(survivor.turn).equals("waiting");
          return waits && call.path("state").asText().equals(state) ? call : null;
        });
  }

  private Api.Answer decide(Api api, Survivor survivor, JsonNode call, String decision) {
    ObjectNode body = Api.JSON.createObjectNode().put("call", call.path("call").asText());
    body.put("decision", decision).put("reason", "so be it");
    if (decision.equals("done")) {
      body.put("output", "paid");
    }
    return witness.answer(api, survivor.session, survivor.turn, body);
  }

  private void assertCompleted(Survivor survivor, Request request) {
    assertThat(other().awaitEnd(survivor.turn)).isEqualTo("completed");
    assertThat(Api.text(other().reply(survivor.session, survivor.turn))).isEqualTo(request.says());
  }

  /**
   * What becomes of a call that stood at the point.
   *
   * @param made how often its service was asked, whatever was decided
   * @param decision what somebody says of an unsafe call; null where nobody is asked
   * @param runs how often the tool was started in the end
   */
  private record Fate(String tool, int made, @Nullable String decision, int runs, String result) {}

  private static List<Fate> fates(Point point) {
    return switch (point) {
      case TOOL_INTENT ->
          List.of(
              new Fate("look", 1, null, 2, "ok"),
              new Fate("book", 1, null, 2, "ok"),
              new Fate("pay", 1, "repeat", 2, "ok"));
      case TOOL_MADE ->
          List.of(
              new Fate("look", 2, null, 2, "ok"),
              new Fate("book", 2, null, 2, "ok"),
              new Fate("pay", 1, "done", 1, "paid"),
              new Fate("pay", 1, "fail", 1, "Error: so be it"),
              new Fate("pay", 2, "repeat", 2, "ok"));
      case TOOL_STORED ->
          List.of(
              new Fate("look", 1, null, 1, "ok"),
              new Fate("book", 1, null, 1, "ok"),
              new Fate("pay", 1, null, 1, "ok"));
      default -> throw new IllegalArgumentException("No call stands at " + point);
    };
  }

  /** All that can stand at a point stand there when the server dies. */
  @ParameterizedTest
  @EnumSource(
      value = Point.class,
      names = {"TOOL_INTENT", "TOOL_MADE", "TOOL_STORED"})
  void calls_go_on_as_their_tools_declare_or_wait_for_somebody_after_a_kill_at(Point point) {
    List<Fate> fates = fates(point);
    List<Request> requests =
        fates.stream().map(fate -> request(fate.tool, 1, fate.result)).toList();
    List<Survivor> survivors = die(point, requests);
    for (int i = 0; i < fates.size(); i++) {
      Fate fate = fates.get(i);
      Survivor survivor = survivors.get(i);
      if (fate.decision != null) {
        JsonNode waiting = awaitCall(survivor, "attention");
        assertThat(service.asked(waiting.path("call").asText()))
            .as("before anybody has decided")
            .hasSize(point == Point.TOOL_MADE ? 1 : 0);
        decide(other(), survivor, waiting, "approve").expect(409);
        decide(other(), survivor, waiting, fate.decision).expect(200);
        assertThat(decide(other(), survivor, waiting, "fail").expect(409).body())
            .contains("conflict");
      }
      assertCompleted(survivor, requests.get(i));
      JsonNode call = call(survivor);
      assertThat(service.asked(call.path("call").asText())).as("%s", fate).hasSize(fate.made);
      assertThat(call.path("runs").intValue()).as("%s", fate).isEqualTo(fate.runs);
      assertThat(call.path("state").textValue())
          .as("%s", fate)
          .isEqualTo("fail".equals(fate.decision) ? "failed" : "done");
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Point.class,
      names = {"PARKING", "PARKED"})
  void an_approval_is_still_waited_for_after_a_kill_at(Point point) {
    Request request = request("ask", 100, "ok");
    Survivor survivor = dies(point, request);
    JsonNode call = awaitCall(survivor, "approval");
    assertThat(service.asked(call.path("call").asText())).isEmpty();
    decide(other(), survivor, call, "approve").expect(200);
    assertCompleted(survivor, request);
    assertThat(service.asked(call.path("call").asText())).hasSize(1);
  }

  /** Sends a message with these members to a session of its own. */
  Survivor send(Api api, String text, String members) {
    String session = api.createSession();
    ObjectNode body = (ObjectNode) Api.read("{" + members.replace('\'', '"') + "}");
    return new Survivor(
        session, Api.turnOf(api.submitRaw(session, body.put("text", "/pace 1ms\n" + text))));
  }

  static final String WAITS = "'tools':['wait']";
  private static final String ASKS = "'tools':['ask_user']";
  private static final String ANSWER_TIMEOUT = "PERDURE_TOOLS_ANSWER_TIMEOUT";

  /** Waits until nobody works on a turn: it waits, or is over already on a slow machine. */
  void awaitIdle(Survivor survivor) {
    Await.until(
        "the wait of " + survivor.turn,
        () ->
            List.of("queued", "running").contains(other().state(survivor.turn))
                ? null
                : Boolean.TRUE);
  }

  /** The text of a turn that has completed, and has done so once. */
  String completedOnce(Survivor survivor) {
    assertThat(other().awaitEnd(survivor.turn)).isEqualTo("completed");
    List<String> types =
        other()
            .get("/v1/turns/" + survivor.turn + "/download")
            .expect(200)
            .body()
            .lines()
            .map(line -> Api.read(line).path("type").asText())
            .toList();
    assertThat(types).containsOnlyOnce("turn.accepted", "lane.ended", "turn.ended");
    assertThat(types.stream().filter("tool.returned"::equals).count())
        .isEqualTo(types.stream().filter("tool.called"::equals).count());
    assertThat(types.stream().filter("turn.resumed"::equals).count())
        .isEqualTo(types.stream().filter("turn.waiting"::equals).count());
    assertThat(
            other().messages(survivor.session).stream()
                .filter(message -> message.path("role").asText().equals("assistant")))
        .hasSize(1);
    return Api.text(other().reply(survivor.session, survivor.turn));
  }

  static void approve(Api api, Survivor survivor, JsonNode call) {
    ObjectNode body = Api.JSON.createObjectNode().put("decision", "approve");
    body.put("call", call.path("call").asText());
    api.post("/v1/turns/" + survivor.turn + "/answers", body.toString()).expect(200);
  }

  private static void awaitPast(long millis) {
    Await.until("a time", () -> System.currentTimeMillis() > millis ? Boolean.TRUE : null);
  }

  @ParameterizedTest
  @EnumSource(
      value = Point.class,
      names = {"PARKING", "PARKED"})
  void a_model_goes_on_after_its_wait_though_its_server_is_killed_at(Point point) {
    plan("crash=" + point.name().toLowerCase(Locale.ROOT));
    Survivor waits = send(doomed.api(), "/tool wait {\"for\":\"PT1S\"}", WAITS);
    startAgain();
    assertThat(completedOnce(waits)).contains("\"now\"");
  }

  @Test
  void what_waits_goes_on_once_though_servers_are_killed_while_it_does_and_when_it_is_decided() {
    Api api = doomed.api();
    Survivor waits = send(api, "/tool wait {\"for\":\"PT2S\"}", WAITS);
    Survivor later = send(api, "/echo Later.", "'delay':'PT2S'");
    Survivor expires = send(api, "/tool ask_user {\"question\":\"?\",\"within\":\"PT2S\"}", ASKS);
    String colours = "{\"question\":\"?\",\"choices\":[\"Red\",\"Blue\"]}";
    Survivor asks = send(api, "/tool ask_user " + colours, ASKS);
    Survivor approval = send(api, "/tool book {\"n\":1}", "'toolPolicy':{'book':'always'}");
    long due = System.currentTimeMillis() + 2_000;
    List.of(waits, expires, asks, approval).forEach(this::awaitIdle);
    doomed.kill();
    awaitPast(due);
    doomed.startAgain(Map.of(ANSWER_TIMEOUT, "2s"));
    assertThat(completedOnce(waits)).contains("\"now\"");
    assertThat(completedOnce(later)).isEqualTo("Later.");
    assertThat(other().messages(later.session)).hasSize(2);
    assertThat(completedOnce(expires)).contains("Nobody answered");

    Survivor tooLate = send(doomed.api(), "/tool book {\"n\":2}", "'toolPolicy':{'book':'always'}");
    long end = System.currentTimeMillis() + 2_000;
    awaitIdle(tooLate);
    JsonNode call = awaitCall(approval, "approval");
    Api.Answer answered = other().submitRaw(asks.session, Api.body("blue"));
    assertThat(Api.turnOf(answered)).isEqualTo(asks.turn);
    approve(doomed.api(), approval, call);
    doomed.kill();
    awaitPast(end);
    doomed.startAgain(Map.of(ANSWER_TIMEOUT, "24h"));
    assertThat(completedOnce(asks)).contains("Blue");
    assertThat(completedOnce(approval)).contains("ok");
    // It is idempotent: if the kill came in the middle of it, it was made again under its key.
    assertThat(service.asked(call.path("call").asText())).hasSizeBetween(1, 2);
    assertThat(completedOnce(tooLate)).contains("Nobody answered");
    assertThat(service.asked(call(tooLate).path("call").asText())).isEmpty();
  }

  @Test
  void an_approval_is_bound_to_its_call_and_decided_once_from_any_tab() {
    Request request = request("ask", 100, "ok");
    String session = doomed.api().createSession();
    String turn = Api.turnOf(witness.post(doomed.api(), session, request));
    Survivor survivor = new Survivor(session, turn);
    JsonNode call = awaitCall(survivor, "approval");
    Request another = request("ask", 200, "Error: The user refused this call. Reason: so be it");
    String otherSession = doomed.api().createSession();
    Survivor second =
        new Survivor(otherSession, Api.turnOf(witness.post(doomed.api(), otherSession, another)));
    JsonNode otherCall = awaitCall(second, "approval");

    ObjectNode wrong = Api.JSON.createObjectNode().put("decision", "approve");
    String answers = "/v1/turns/" + turn + "/answers";
    wrong.put("call", otherCall.path("call").asText());
    other().post(answers, wrong.toString()).expect(404);
    wrong.put("call", call.path("call").asText());
    wrong.put("inputHash", otherCall.path("inputHash").asText());
    other().post(answers, wrong.toString()).expect(409);

    List<CompletableFuture<Api.Answer>> tabs = new ArrayList<>();
    for (int tab = 0; tab < AT_ONCE; tab++) {
      Api api = tab % 2 == 0 ? doomed.api() : other();
      tabs.add(CompletableFuture.supplyAsync(() -> decide(api, survivor, call, "approve")));
    }
    List<Api.Answer> taken = tabs.stream().map(CompletableFuture::join).toList();
    assertThat(taken.stream().filter(answer -> answer.status() == 200)).hasSize(1);
    assertThat(taken.stream().filter(answer -> answer.status() == 409))
        .hasSize(AT_ONCE - 1)
        .allSatisfy(answer -> assertThat(answer.body()).contains("not waited for any more"));
    assertCompleted(survivor, request);
    assertThat(service.asked(call.path("call").asText())).hasSize(1);

    decide(doomed.api(), second, otherCall, "refuse").expect(200);
    assertCompleted(second, another);
    assertThat(service.asked(otherCall.path("call").asText())).isEmpty();
    assertThat(decide(other(), second, otherCall, "approve").expect(409).body())
        .contains("refused");
  }

  @Test
  void a_call_below_what_its_rule_says_needs_no_approval() {
    Request request = request("ask", 99, "ok");
    String session = doomed.api().createSession();
    String turn = Api.turnOf(witness.post(doomed.api(), session, request));
    assertCompleted(new Survivor(session, turn), request);
  }

  /** An effect that a cancelled turn owes to be undone; the server dies in the middle of that. */
  private Survivor diesWhileUndoing(Point point) {
    Api api = doomed.api();
    String session = api.createSession();
    String turn = api.submit(session, "/tool book {\"n\":1}\n/tool ask {\"n\":100}");
    Await.until("the wait", () -> api.state(turn).equals("waiting") ? "" : null);
    plan("crash=" + point.name().toLowerCase(Locale.ROOT));
    api.cancel(turn);
    startAgain();
    return new Survivor(session, turn);
  }

  private JsonNode awaitUndone(Survivor survivor) {
    return Await.until(
        "the effect to be undone",
        () -> {
          for (JsonNode one : calls(survivor)) {
            if (one.at("/undo/state").asText().equals("done")) {
              return one;
            }
          }
          return null;
        });
  }

  @Test
  void an_effect_is_undone_under_one_key_though_the_server_is_killed_in_between() {
    alone();
    Survivor before = diesWhileUndoing(Point.TOOL_INTENT);
    Survivor after = diesWhileUndoing(Point.TOOL_MADE);
    together();
    // The first one may be due again when the server dies for the second time.
    assertUndone(before, 1, 2);
    assertUndone(after, 2, 3);
  }

  private void assertUndone(Survivor survivor, int least, int most) {
    JsonNode call = awaitUndone(survivor);
    assertThat(other().state(survivor.turn)).isEqualTo("cancelled");
    assertThat(call.path("tool").asText()).isEqualTo("book");
    String id = call.path("call").asText();
    assertThat(service.asked(id)).hasSize(1);
    assertThat(service.undone(id))
        .hasSizeBetween(least, most)
        .extracting(ToolService.Asked::key)
        .containsOnly(id + "-undo");
    assertThat(service.undone(id).getFirst().body()).contains("\"n\":1").contains("\"ok\"");
  }
}
