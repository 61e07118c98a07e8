package dev.perdure.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnEvent.LaneRef;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.PartEnded;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.protocol.TurnEvent.TurnAccepted;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import dev.perdure.protocol.TurnState;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The terminal client against a scripted server, over real sockets. */
class ChatTest {
  @TempDir Path home;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @Test
  void a_message_on_the_command_line_prints_the_reply_and_nothing_else() throws Exception {
    try (ScriptedServer server = new ScriptedServer(reply("Hel", "lo."))) {
      int code = chat(server, "", false, "say", "hello");

      assertThat(out()).isEqualTo("Hello.\n");
      assertThat(code).isZero();
      assertThat(server.requests).anyMatch(r -> r.contains("{\"text\":\"say hello\"}"));
    }
  }

  @Test
  void a_reply_that_is_cut_after_every_event_is_printed_once() throws Exception {
    List<TurnEvent> log = reply("one ", "two ", "three");
    Integer[] cuts = new Integer[log.size() - 1];
    java.util.Arrays.fill(cuts, 1);
    try (ScriptedServer server = new ScriptedServer(log, cuts)) {
      assertThat(chat(server, "", true, "hi")).isZero();

      assertThat(out()).isEqualTo("one two three\n");
      assertThat(server.lastEventIds)
          .containsExactly("null", "0", "1", "2", "3", "4", "5", "6", "7", "8");
    }
  }

  @Test
  void a_server_that_stays_away_for_a_while_is_waited_for_and_said_so() throws Exception {
    try (ScriptedServer server = new ScriptedServer(reply("all ", "of it"), 5, 0, 0)) {
      assertThat(chat(server, "", true, "hi")).isZero();

      assertThat(out()).isEqualTo("all \nof it\n");
      assertThat(err()).contains("connection lost").contains("connected again");
    }
  }

  @Test
  void a_server_that_falls_silent_is_left_and_asked_again() throws Exception {
    List<TurnEvent> log = reply("all ", "of it");
    try (ScriptedServer server = new ScriptedServer(log)) {
      server.holdAfter = log.size() - 2;
      BlockingQueue<Happening> seen = new LinkedBlockingQueue<>();
      ChatServer impatient = new ChatServer(server.url(), null, Duration.ofMillis(300));
      Thread feed = Thread.ofVirtual().start(new ReplyFeed(impatient, "turn_1", seen, time -> {}));
      while (server.lastEventIds.size() < 2) {
        Thread.onSpinWait();
      }
      server.release.countDown();
      feed.join();

      assertThat(server.lastEventIds.get(1)).isEqualTo(Integer.toString(log.size() - 2));
      assertThat(seen).filteredOn(Happening.Event.class::isInstance).hasSize(log.size());
    }
  }

  @Test
  void a_new_attempt_voids_what_was_shown_before() throws Exception {
    List<TurnEvent> log = new ArrayList<>(head("demo/a"));
    log.add(new AttemptStarted(0, 0, 1, "demo/a", null));
    log.add(new PartStarted(0, 1, 0, PartKind.TEXT));
    log.add(new PartDelta(0, 1, 0, "garbage"));
    log.add(new AttemptStarted(0, 0, 2, "demo/a", "overloaded"));
    log.add(new PartStarted(0, 2, 0, PartKind.TEXT));
    log.add(new PartDelta(0, 2, 0, "good"));
    log.addAll(tail(TurnState.COMPLETED));
    try (ScriptedServer server = new ScriptedServer(log)) {
      assertThat(chat(server, "", false, "hi")).isZero();
      assertThat(out()).as("a pipe never gets the voided text").isEqualTo("good\n");

      out.reset();
      assertThat(chat(server, "", true, "hi")).isZero();
      assertThat(out()).isEqualTo("garbage\ngood\n");
      assertThat(err()).contains("the reply starts over: overloaded");
    }
  }

  @Test
  void control_sequences_of_a_reply_never_reach_the_terminal() throws Exception {
    String evil = "a\u001b[2Jb\u009b31mc\u0007\r\nd\u202ee\u0000";
    try (ScriptedServer server = new ScriptedServer(reply(evil, "\ud83d", "\ude00"))) {
      assertThat(chat(server, "", true, "hi")).isZero();

      assertThat(out()).isEqualTo("a[2Jb31mc\nde\ud83d\ude00\n");
    }
  }

  @Test
  void frames_may_end_their_lines_with_carriage_returns() throws Exception {
    try (ScriptedServer server = new ScriptedServer(reply("x", "y"))) {
      server.frame = text -> text.replace("\n", "\r\n");
      assertThat(chat(server, "", false, "hi")).isZero();
      server.frame = text -> text.replace("\n", "\r");
      assertThat(chat(server, "", false, "hi")).isZero();

      assertThat(out()).isEqualTo("xy\nxy\n");
    }
  }

  @Test
  void a_failed_reply_shows_its_text_and_its_reason_and_exits_with_one() throws Exception {
    List<TurnEvent> log = new ArrayList<>(head("demo/a"));
    log.add(new AttemptStarted(0, 0, 1, "demo/a", null));
    log.add(new PartStarted(0, 1, 0, PartKind.TEXT));
    log.add(new PartDelta(0, 1, 0, "half"));
    TurnError error = new TurnError("provider_failed", "It broke.", true);
    log.add(new LaneEnded(0, LaneState.FAILED, null, error));
    log.add(new TurnEnded(TurnState.FAILED, null, "00", 2));
    try (ScriptedServer server = new ScriptedServer(log)) {
      assertThat(chat(server, "", false, "hi")).isEqualTo(1);

      assertThat(out()).isEqualTo("half\n");
      assertThat(err()).contains("demo/a failed: It broke. (provider_failed)");
    }
  }

  @Test
  void lanes_are_shown_one_after_the_other_whatever_their_order_on_the_wire() throws Exception {
    List<TurnEvent> log = new ArrayList<>(head("demo/a", "demo/b"));
    for (int lane : new int[] {1, 0}) {
      log.add(new AttemptStarted(lane, 0, 1, lane == 0 ? "demo/a" : "demo/b", null));
      log.add(new PartStarted(lane, 1, 0, PartKind.TEXT));
    }
    log.add(new PartDelta(1, 1, 0, "b1"));
    log.add(new PartDelta(0, 1, 0, "a1"));
    log.add(new LaneEnded(1, LaneState.COMPLETED, FinishReason.STOP, null));
    log.add(new PartDelta(0, 1, 0, "a2"));
    log.add(new LaneEnded(0, LaneState.COMPLETED, FinishReason.STOP, null));
    log.add(new TurnEnded(TurnState.COMPLETED, null, "00", 2));
    try (ScriptedServer server = new ScriptedServer(log)) {
      int code = chat(server, "", true, "--model", "demo/a", "--model=demo/b", "hi");

      assertThat(code).isZero();
      assertThat(out()).isEqualTo("== demo/a ==\na1a2\n== demo/b ==\nb1\n");
      assertThat(server.requests).anyMatch(r -> r.contains("\"models\":[\"demo/a\",\"demo/b\"]"));
    }
  }

  @Test
  void lines_of_the_input_are_messages_until_it_ends() throws Exception {
    try (ScriptedServer server = new ScriptedServer(reply("ok"))) {
      assertThat(chat(server, "first\n\n/demo x\n/quit\nnever\n", false)).isZero();

      assertThat(out()).isEqualTo("ok\nok\n");
      assertThat(server.requests).filteredOn(r -> r.contains("/turns {")).hasSize(2);
      assertThat(server.requests).anyMatch(r -> r.contains("{\"text\":\"/demo x\"}"));
    }
  }

  @Test
  void a_dash_reads_the_whole_input_as_one_message() throws Exception {
    try (ScriptedServer server = new ScriptedServer(reply("ok"))) {
      assertThat(chat(server, "two\nlines", false, "-")).isZero();

      assertThat(server.requests).anyMatch(r -> r.contains("{\"text\":\"two\\nlines\"}"));
    }
  }

  @Test
  void cancel_typed_in_the_middle_of_a_reply_reaches_the_server() throws Exception {
    List<TurnEvent> log = new ArrayList<>(head("demo/a"));
    log.add(new AttemptStarted(0, 0, 1, "demo/a", null));
    log.add(new PartStarted(0, 1, 0, PartKind.TEXT));
    log.add(new PartDelta(0, 1, 0, "some"));
    int shown = log.size() - 1;
    log.add(new LaneEnded(0, LaneState.CANCELLED, null, null));
    log.add(new TurnEnded(TurnState.CANCELLED, null, "00", 2));
    try (ScriptedServer server = new ScriptedServer(log);
        PipedInputStream in = new PipedInputStream()) {
      // Nothing after the text comes before the cancel request does.
      server.holdAfter = shown;
      CompletableFuture<Integer> code;
      try (PipedOutputStream keyboard = new PipedOutputStream(in)) {
        code = CompletableFuture.supplyAsync(() -> Chat.run(args(server), world(in, true)));
        keyboard.write("hello\n/cancel\n".getBytes(StandardCharsets.UTF_8));
      }

      assertThat(code.get(30, TimeUnit.SECONDS)).isEqualTo(1);
      assertThat(server.requests).contains("POST /v1/turns/turn_1/cancel {}");
      assertThat(out()).isEqualTo("some\n");
      assertThat(err()).contains("was cancelled");
    }
  }

  @Test
  void resume_shows_the_last_reply_whole() throws Exception {
    try (ScriptedServer server = new ScriptedServer(reply("the ", "reply"))) {
      assertThat(chat(server, "", false, "hi")).isZero();
      out.reset();

      int code =
          Chat.run(new String[] {"--resume"}, world(new ByteArrayInputStream(new byte[0]), false));

      assertThat(code).isZero();
      assertThat(out()).isEqualTo("the reply\n");
      assertThat(Files.readString(home.resolve("perdure/chat.json")))
          .contains("\"session\":\"sess_1\"", "\"turn\":\"turn_1\"", "\"seq\":8");
      assertThat(home.resolve("perdure")).isDirectoryContaining("glob:**chat.json");
    }
  }

  @Test
  void a_client_killed_before_it_knew_the_turn_finds_it_by_the_session() throws Exception {
    try (ScriptedServer server = new ScriptedServer(reply("found"))) {
      new ChatState(server.url(), "sess_1", null, -1).save(home.resolve("perdure/chat.json"));
      server.messages = "{\"items\":[{\"turn\":\"turn_1\",\"role\":\"assistant\"}]}";

      assertThat(chat(server, "", false, "--resume")).isZero();
      assertThat(out()).isEqualTo("found\n");
    }
  }

  @Test
  void a_reply_whose_log_has_expired_is_shown_from_the_stored_message() throws Exception {
    try (ScriptedServer server = new ScriptedServer(reply("x"))) {
      assertThat(chat(server, "", false, "hi")).isZero();
      out.reset();
      server.eventsStatus = 410;
      server.messages =
          """
          {"items":[{"turn":"turn_1","role":"assistant","status":"complete",
            "parts":[{"type":"reasoning","text":"hm"},{"type":"text","text":"stored"}]},
           {"turn":"turn_1","role":"user","status":"complete","parts":[{"type":"text","text":"hi"}]}]}
          """;
      assertThat(chat(server, "", false, "--resume")).isZero();

      assertThat(out()).isEqualTo("stored\n");
    }
  }

  @Test
  void a_lost_answer_to_a_message_is_asked_for_again_under_the_same_key() throws Exception {
    try (ScriptedServer server = new ScriptedServer(reply("once"))) {
      server.submitFailures = 2;
      assertThat(chat(server, "", false, "hi")).isZero();

      List<String> posts = server.requests.stream().filter(r -> r.contains("/turns {")).toList();
      assertThat(posts).hasSize(3);
      assertThat(posts.stream().distinct()).hasSize(1);
      assertThat(posts.getFirst()).contains("key=");
    }
  }

  @Test
  void a_refused_message_says_what_the_server_said() throws Exception {
    try (ScriptedServer server = new ScriptedServer(reply("x"))) {
      server.submitStatus = 409;
      assertThat(chat(server, "", false, "hi")).isEqualTo(1);
      assertThat(err()).isEqualTo("perdure chat: No.\n");

      err.reset();
      assertThat(chat(server, "", false, "--session", "sess_2", "hi")).isEqualTo(1);
      assertThat(err()).isEqualTo("perdure chat: No such thing.[31m\n");
    }
  }

  @Test
  void without_a_server_it_says_how_to_start_one() throws Exception {
    String url;
    try (ScriptedServer server = new ScriptedServer(List.of())) {
      url = server.url();
    }
    int code =
        Chat.run(
            new String[] {"--url", url, "hi"}, world(new ByteArrayInputStream(new byte[0]), false));

    assertThat(code).isEqualTo(1);
    assertThat(err()).contains("no server answers at " + url).contains("./perdure start");
  }

  @Test
  void a_wrong_command_line_is_refused_with_two() {
    InputStream none = new ByteArrayInputStream(new byte[0]);
    assertThat(Chat.run(new String[] {"--resmue"}, world(none, false))).isEqualTo(2);
    assertThat(Chat.run(new String[] {"--model"}, world(none, false))).isEqualTo(2);
    assertThat(Chat.run(new String[] {"--url", "ftp://x"}, world(none, false))).isEqualTo(2);
    assertThat(Chat.run(new String[] {"--resume"}, world(none, false))).isEqualTo(2);
    assertThat(err())
        .contains("unknown option '--resmue'", "'--model' needs a value", "'ftp://x' is not")
        .contains("there is no chat to resume");
  }

  private int chat(ScriptedServer server, String input, boolean terminal, String... more) {
    InputStream in = new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8));
    return Chat.run(args(server, more), world(in, terminal));
  }

  private static String[] args(ScriptedServer server, String... more) {
    List<String> args = new ArrayList<>(List.of("--url", server.url()));
    args.addAll(List.of(more));
    return args.toArray(String[]::new);
  }

  private Chat.Surroundings world(InputStream in, boolean outputIsTerminal) {
    return new Chat.Surroundings(
        in,
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8),
        false,
        outputIsTerminal,
        Map.of("XDG_STATE_HOME", home.toString()),
        time -> {});
  }

  private String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  private String err() {
    return err.toString(StandardCharsets.UTF_8);
  }

  private static List<TurnEvent> head(String... models) {
    List<LaneRef> lanes = new ArrayList<>();
    for (String model : models) {
      lanes.add(new LaneRef(lanes.size(), "msg_" + lanes.size(), model));
    }
    return List.of(new TurnAccepted("turn_1", "sess_1", "msg_u", lanes, 1), new TurnStarted(1, 1));
  }

  private static List<TurnEvent> tail(TurnState state) {
    return List.of(
        new LaneEnded(0, LaneState.of(state.wire()), FinishReason.STOP, (@Nullable TurnError) null),
        new TurnEnded(state, null, "00", 2));
  }

  private static List<TurnEvent> reply(String... deltas) {
    List<TurnEvent> log = new ArrayList<>(head("demo/a"));
    log.add(new AttemptStarted(0, 0, 1, "demo/a", null));
    log.add(new PartStarted(0, 1, 0, PartKind.TEXT));
    for (String delta : deltas) {
      log.add(new PartDelta(0, 1, 0, delta));
    }
    log.add(new PartEnded(0, 1, 0));
    log.addAll(tail(TurnState.COMPLETED));
    return log;
  }
}
