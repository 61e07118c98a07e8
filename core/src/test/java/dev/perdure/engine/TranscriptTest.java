package dev.perdure.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.chat.Answer;
import dev.perdure.chat.LaterTurns.When;
import dev.perdure.chat.Message;
import dev.perdure.chat.NewTurn;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.ToolCallRow;
import dev.perdure.chat.ToolLimits;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest;
import dev.perdure.chat.TurnRequest.Output;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.context.ContextView;
import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;
import dev.perdure.protocol.Decision;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.Source;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEventCodec;
import dev.perdure.protocol.TurnFold;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.schedule.Schedule;
import dev.perdure.schedule.Schedule.Missed;
import dev.perdure.schedule.Schedule.Said;
import dev.perdure.schedule.Schedule.Settings;
import dev.perdure.testing.FaultPoints;
import dev.perdure.tool.ApprovalRule;
import dev.perdure.tool.AskUserTool;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.Tools;
import dev.perdure.tool.WaitTool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Plays every {@code protocol/transcripts/*.jsonl}: the first line is a turn and what its provider
 * does, the last line what a client must show in the end, the lines between are the log. Ids, times
 * and digests are replaced by names. Clients in other languages run the lines after the first. With
 * {@code -Dperdure.transcripts=write} the lines are written instead, to be read before they are
 * committed; those of several lanes are then put in order by hand.
 */
class TranscriptTest {
  @TempDir Path dir;

  static Stream<String> transcripts() throws IOException {
    try (Stream<Path> files = Files.list(directory())) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".jsonl"))
          .sorted()
          .toList()
          .stream();
    }
  }

  private static Path directory() {
    Path here = Path.of("").toAbsolutePath();
    return Files.isDirectory(here.resolve("protocol/transcripts"))
        ? here.resolve("protocol/transcripts")
        : here.resolveSibling("protocol/transcripts");
  }

  @ParameterizedTest
  @MethodSource("transcripts")
  void the_engine_writes_the_log_of(String name) throws Exception {
    List<String> lines = Files.readAllLines(directory().resolve(name), UTF_8);
    JsonNode scenario = Json.MAPPER.readTree(lines.getFirst());
    List<String> expected = lines.subList(1, lines.size() - 1);
    ScriptedProvider provider = new ScriptedProvider();
    scenario
        .required("provider")
        .properties()
        .forEach(model -> model.getValue().forEach(call -> provider.script(model.getKey(), call)));
    try (Database database = ReadyDatabases.sqlite(dir);
        Nodes nodes =
            new Nodes(() ->
                new EngineHarness(
                    database,
                    provider,
                    tools(scenario),
                    TranscriptPast.contexts(scenario),
                    FaultPoints.NONE))) {
      Turn turn =
          scenario.has("schedule")
              ? scheduled(nodes.now, scenario)
              : nodes.now.desk.submit(
                  EngineHarness.CALLER,
                  TranscriptPast.session(nodes.now, scenario),
                  message(scenario),
                  null);
      for (JsonNode act : scenario.path("do")) {
        if (act.path("op").asText().equals("restart")) {
          await(nodes.now, turn, act);
          nodes.restart();
        } else {
          act(nodes.now, turn, act);
        }
      }
      EngineHarness node = nodes.now;
      List<TurnEvent> log = node.awaitEnd(turn.id());
      if ("write".equals(System.getProperty("perdure.transcripts"))) {
        List<String> fresh = new ArrayList<>(named(log));
        fresh.addFirst(lines.getFirst());
        fresh.add(Json.text(outcome(node, turn)));
        Files.write(directory().resolve(name), fresh, UTF_8);
        return;
      }
      if (turn.lanes().size() == 1) {
        assertThat(named(log)).containsExactlyElementsOf(expected);
      } else {
        assertThat(byLane(named(log))).containsExactlyElementsOf(byLane(expected));
      }
      assertThat(outcome(node, turn)).isEqualTo(Json.MAPPER.readTree(lines.getLast()));
      if (scenario.has("shows")) {
        node.contexts.flush();
        assertThat(node.contexts.read(EngineHarness.CALLER, turn.id()).getLast().sources())
            .extracting(ContextView.Source::kind)
            .isEqualTo(texts(scenario.get("shows")));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("transcripts")
  void the_fold_of_the_lines_is_what_a_client_must_show(String name) throws Exception {
    List<String> lines = Files.readAllLines(directory().resolve(name), UTF_8);
    TurnFold fold = new TurnFold();
    for (String line : lines.subList(1, lines.size() - 1)) {
      byte[] bytes = line.replace("\"at\":\"AT\"", "\"at\":1").getBytes(UTF_8);
      TurnEventCodec.Line event = TurnEventCodec.decode(bytes, 0, bytes.length);
      fold.apply(event.seq(), event.event());
    }
    assertThat(outcome(fold.snapshot())).isEqualTo(Json.MAPPER.readTree(lines.getLast()));
  }

  /** One node after the other on a database. */
  private static final class Nodes implements AutoCloseable {
    private final Supplier<EngineHarness> next;
    private EngineHarness now;

    Nodes(Supplier<EngineHarness> next) {
      this.next = next;
      this.now = next.get();
      now.engine.start();
    }

    void restart() {
      now.close();
      now = next.get();
      now.engine.start();
    }

    @Override
    public void close() {
      now.close();
    }
  }

  /**
   * Makes a schedule, looks at the times that follow from each of {@code now}, and lets the next
   * run come; returns its turn.
   */
  private static Turn scheduled(EngineHarness node, JsonNode scenario) throws Exception {
    NewTurn message = message(scenario);
    Said said = new Said(message.parts(), message.request());
    for (JsonNode rule : scenario.required("schedule")) {
      List<String> times =
          settings(rule, said)
              .upcoming(
                  Instant.parse(rule.required("now").textValue()), rule.required("times").size())
              .stream()
              .map(Instant::toString)
              .toList();
      assertThat(times).as(rule.toString()).isEqualTo(texts(rule.required("times")));
    }
    Schedule made =
        node.schedules.create(
            EngineHarness.CALLER,
            node.session(),
            settings(scenario.required("schedule").get(0), said),
            null);
    int _ =
        node.database.write(
            tx -> tx.update("UPDATE schedule SET next_at = {now} - 1 WHERE id = ?", made.id()));
    EngineFixture.eventually(() -> run(node, made) != null);
    return node.turn(requireNonNull(run(node, made)));
  }

  private static @Nullable String run(EngineHarness node, Schedule made) {
    return node.schedules.get(EngineHarness.CALLER, made.id()).lastTurn();
  }

  private static Settings settings(JsonNode rule, Said said) {
    return new Settings(
        null,
        said,
        rule.required("cron").textValue(),
        rule.required("zone").textValue(),
        null,
        null,
        null,
        Missed.SKIP,
        false);
  }

  private static NewTurn message(JsonNode scenario) {
    NewTurn plain =
        EngineHarness.message(
            scenario.path("text").asText("Hello"),
            WhenBusy.ENQUEUE,
            texts(scenario.required("models")),
            texts(scenario.path("fallbacks")),
            Recovery.RESTART);
    JsonNode output = scenario.path("output");
    TurnRequest request = plain.request();
    if (!output.isMissingNode()) {
      request =
          request.withOutput(new Output(output.path("name").textValue(), output.path("schema")));
    }
    if (scenario.has("waits")) {
      request = request.within(texts(scenario.path("waits")), ToolLimits.NONE);
    }
    return new NewTurn(plain.parts(), request, plain.whenBusy(), TranscriptPast.origin(scenario));
  }

  /** Waits for {@code after}, a type of event of a lane. */
  private static void await(EngineHarness node, Turn turn, JsonNode act) {
    String after = act.required("after").textValue();
    int lane = act.path("lane").asInt(0);
    node.await(
        turn.id(),
        event ->
            TurnEventCodec.type(event).equals(after)
                && Json.trusted(new String(TurnEventCodec.encode(0, event), UTF_8))
                        .path("lane")
                        .asInt(lane)
                    == lane);
  }

  /** Waits for {@code after}, then does {@code cancel} or so. */
  private static void act(EngineHarness node, Turn turn, JsonNode act) {
    await(node, turn, act);
    int lane = act.path("lane").asInt(0);
    switch (act.path("op").asText("wait")) {
      case "wait" -> {}
      case "cancel" -> node.desk.cancelTurn(EngineHarness.CALLER, turn.id());
      case "cancelLane" -> node.desk.cancelLane(EngineHarness.CALLER, turn.id(), lane);
      case "retryLane" -> {
        awaitSettled(node, turn, lane);
        node.desk.retryLane(EngineHarness.CALLER, turn.id(), lane, null);
      }
      case "letGo" -> node.provider.letGo();
      case "say" ->
          node.desk.submit(
              EngineHarness.CALLER,
              turn.session(),
              EngineHarness.message(
                  act.required("text").textValue(),
                  WhenBusy.ENQUEUE,
                  List.of("script/a"),
                  List.of(),
                  Recovery.RESTART),
              null);
      case "move" -> {
        Long was = node.turn(turn.id()).wakeAtMillis();
        node.later.move(
            EngineHarness.CALLER,
            turn.id(),
            new When(null, Duration.parse(act.required("delay").textValue())),
            requireNonNull(was));
      }
      case "answer" ->
          node.answers.answer(EngineHarness.CALLER, turn.id(), answer(node, turn, act));
      case "answerInVain" ->
          assertThatThrownBy(() ->
                  node.answers.answer(EngineHarness.CALLER, turn.id(), answer(node, turn, act)))
              .hasMessageContaining(act.required("says").textValue());
      default -> throw new IllegalArgumentException("Unknown act " + act);
    }
  }

  /** An answer to the first call of the lane, such as {@code {"decision":"approve"}}. */
  private static Answer answer(EngineHarness node, Turn turn, JsonNode act) {
    ToolCallRow call =
        node.calls.ofTurn(EngineHarness.CALLER, turn.id()).stream()
            .filter(row -> row.lane() == act.path("lane").asInt(0))
            .findFirst()
            .orElseThrow();
    return new Answer(
        call.id(),
        Decision.of(act.required("decision").textValue()),
        act.get("output"),
        act.path("reason").textValue(),
        null,
        act.get("input"));
  }

  /** The tools of a scenario, which return their arguments. */
  private static Tools tools(JsonNode scenario) {
    List<Tool> tools = new ArrayList<>();
    for (JsonNode tool : scenario.path("tools")) {
      tools.add(
          new FakeTool(
              tool.required("name").textValue(),
              Effect.of(tool.path("effect").asText("read")),
              ApprovalRule.parse(tool.path("approval").asText("never")),
              Tool.Input::arguments,
              tool.path("undo").booleanValue()));
    }
    for (String waits : texts(scenario.path("waits"))) {
      tools.add(
          waits.equals("wait")
              ? new WaitTool(Duration.ofDays(31))
              : new AskUserTool(Duration.ofHours(24), Duration.ofDays(31)));
    }
    Tools.Limits d = Tools.Limits.DEFAULT;
    return new Tools(
        tools,
        new Tools.Limits(
            scenario.path("maxSteps").asInt(d.maxSteps()),
            d.maxTokens(),
            d.maxResultChars(),
            Duration.ofMillis(scenario.path("answerMillis").asLong(d.answerWithin().toMillis()))));
  }

  /** The lane's row follows its event a moment later; a client would repeat the request. */
  private static void awaitSettled(EngineHarness node, Turn turn, int lane) {
    while (!node.turn(turn.id()).lanes().get(lane).state().terminal()) {
      Thread.onSpinWait();
    }
  }

  private static List<String> texts(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false).map(JsonNode::textValue).toList();
  }

  /** The log with names in the place of what differs from run to run. */
  private static List<String> named(List<TurnEvent> log) {
    List<String> out = new ArrayList<>();
    Map<String, String> calls = new HashMap<>();
    Map<Integer, Integer> counts = new HashMap<>();
    for (int seq = 0; seq < log.size(); seq++) {
      ObjectNode json =
          (ObjectNode) Json.trusted(new String(TurnEventCodec.encode(seq, log.get(seq)), UTF_8));
      if (log.get(seq) instanceof TurnEvent.ToolCalled called) {
        int number = counts.merge(called.lane(), 1, Integer::sum);
        calls.put(called.call(), "CALL" + called.lane() + "." + number);
      }
      for (String member : List.of("call", "replaces")) {
        if (json.has(member)) {
          json.put(member, calls.get(json.get(member).textValue()));
        }
      }
      if (json.path("error").path("code").asText().equals("superseded")) {
        ((ObjectNode) json.get("error")).put("text", "TEXT");
      }
      if (json.has("until")) {
        json.put("until", "UNTIL");
      }
      if (json.path("output").has("now")) {
        ((ObjectNode) json.get("output")).put("now", "NOW");
      }
      for (Map.Entry<String, String> name :
          Map.of(
                  "turn",
                  "TURN",
                  "session",
                  "SESSION",
                  "userMessage",
                  "USER",
                  "digest",
                  "DIGEST",
                  "summary",
                  "SUMMARY",
                  "upTo",
                  "UPTO",
                  "document",
                  "DOCUMENT")
              .entrySet()) {
        if (json.has(name.getKey())) {
          json.put(name.getKey(), name.getValue());
        }
      }
      if (json.has("at")) {
        json.put("at", "AT");
      }
      if (json.path("code").asText().equals("retrying")) {
        json.put("text", "TEXT");
      }
      for (JsonNode lane : json.path("lanes")) {
        ((ObjectNode) lane).put("message", "MESSAGE" + lane.path("lane").asInt());
      }
      out.add(Json.text(json));
    }
    return out;
  }

  /** Lanes interleave by chance: their events in order of lanes, without the numbers. */
  private static List<String> byLane(List<String> log) {
    List<String> out = new ArrayList<>();
    List<String> results = new ArrayList<>();
    log.stream()
        .map(Json::trusted)
        .sorted(Comparator.comparingInt(TranscriptTest::rank))
        .forEach(json -> {
          String line = Json.text(((ObjectNode) json).without("seq"));
          // Those of one step come in any order.
          if (json.path("type").asText().equals("tool.returned")) {
            results.add(line);
            return;
          }
          results.stream().sorted().forEach(out::add);
          results.clear();
          out.add(line);
        });
    return out;
  }

  private static int rank(JsonNode event) {
    boolean end = event.path("type").textValue().equals("turn.ended");
    return end ? Integer.MAX_VALUE : event.path("lane").asInt(-1);
  }

  /** What the database says in the end, in the form of a transcript's last line. */
  private static JsonNode outcome(EngineHarness node, Turn turn) {
    Turn ended = node.turn(turn.id());
    ObjectNode out = Json.MAPPER.createObjectNode().put("state", ended.state().wire());
    ArrayNode lanes = out.putArray("lanes");
    List<Message> messages =
        node.conversations.messages(EngineHarness.CALLER, turn.session(), null, 100).items();
    for (Turn.Lane lane : ended.lanes()) {
      Message message =
          messages.stream().filter(m -> m.id().equals(lane.message())).findFirst().orElseThrow();
      ObjectNode json = lanes.addObject().put("state", lane.state().wire());
      json.put("text", message.text());
      if (message.error() != null) {
        json.put("error", message.error().code());
      }
      if (message.usage() != null && message.usage().output() > 0) {
        json.put("output", Math.toIntExact(message.usage().output()));
      }
      sources(json, message.sources());
    }
    return out;
  }

  /** What a client shows in the end, in the form of a transcript's last line. */
  private static JsonNode outcome(TurnFold.TurnSnapshot turn) {
    ObjectNode out = Json.MAPPER.createObjectNode().put("state", turn.state().wire());
    ArrayNode lanes = out.putArray("lanes");
    for (LaneSnapshot lane : turn.lanes()) {
      ObjectNode json = lanes.addObject().put("state", lane.state().wire());
      json.put("text", lane.text());
      if (lane.error() != null) {
        json.put("error", lane.error().code());
      }
      if (lane.usage().output() > 0) {
        json.put("output", Math.toIntExact(lane.usage().output()));
      }
      sources(json, lane.sources().stream().map(TurnEvent.SourceUsed::source).toList());
    }
    return out;
  }

  private static void sources(ObjectNode lane, List<Source> sources) {
    for (Source source : sources) {
      lane.withArray("sources").add(source.kind() + " " + source.title());
    }
  }
}
