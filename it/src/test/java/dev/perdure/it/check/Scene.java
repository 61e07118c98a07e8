package dev.perdure.it.check;

import dev.perdure.it.check.Observation.Cancelled;
import dev.perdure.it.check.Observation.End;
import dev.perdure.it.check.Observation.Looked;
import dev.perdure.it.check.Observation.Posted;
import dev.perdure.it.check.Observation.Request;
import dev.perdure.it.check.Observation.Streamed;
import dev.perdure.it.check.Observation.TurnSeen;
import dev.perdure.it.check.Stored.Block;
import dev.perdure.it.check.Stored.Lane;
import dev.perdure.it.check.Stored.Message;
import dev.perdure.it.check.Stored.ProviderCall;
import dev.perdure.it.check.Stored.Trouble;
import dev.perdure.it.check.Stored.Turn;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A good history of one session with one finished turn, whose every piece a test can replace by a
 * bad one: one message that says "Hello you", sent once, read by one client over two connections.
 */
final class Scene {
  static final long SENT = 1_000_000;
  static final String TEXT = "/echo Hello you\nm1";
  static final Request REQUEST =
      new Request("key-1", "m1", TEXT, "Hello you", List.of("openai/a"), "enqueue");

  List<String> lines =
      sealed(
          "{\"seq\":0,\"type\":\"turn.accepted\",\"turn\":\"t1\",\"session\":\"s1\",\"userMessage\":\"u1\","
              + "\"lanes\":[{\"lane\":0,\"message\":\"a1\",\"model\":\"openai/a\"}],\"at\":1000001}",
          "{\"seq\":1,\"type\":\"turn.started\",\"epoch\":1,\"at\":1000002}",
          "{\"seq\":2,\"type\":\"attempt.started\",\"lane\":0,\"step\":0,\"attempt\":1,\"model\":\"openai/a\"}",
          "{\"seq\":3,\"type\":\"part.started\",\"lane\":0,\"attempt\":1,\"part\":0,\"kind\":\"text\"}",
          "{\"seq\":4,\"type\":\"part.delta\",\"lane\":0,\"attempt\":1,\"part\":0,\"text\":\"Hello \"}",
          "{\"seq\":5,\"type\":\"part.delta\",\"lane\":0,\"attempt\":1,\"part\":0,\"text\":\"you\"}",
          "{\"seq\":6,\"type\":\"part.ended\",\"lane\":0,\"attempt\":1,\"part\":0}",
          "{\"seq\":7,\"type\":\"lane.ended\",\"lane\":0,\"state\":\"completed\",\"finish\":\"stop\"}");

  String state = "completed";
  String laneState = "completed";
  String messageStatus = "complete";
  String messageText = "Hello you";
  String userText = TEXT;
  @Nullable String node;
  long position;
  long epoch = 1;
  long endedMillis = SENT + 100;
  boolean stored = true;
  final List<Observation> seen = new ArrayList<>();
  final List<ProviderCall> calls = new ArrayList<>();
  final List<Stored.ToolCall> toolCalls = new ArrayList<>();
  final List<Stored.ToolRequest> toolRequests = new ArrayList<>();
  final List<Trouble> troubles = new ArrayList<>();
  final List<Turn> moreTurns = new ArrayList<>();
  final List<Message> moreMessages = new ArrayList<>();

  Scene() {
    seen.add(posted(202, "t1"));
    seen.add(stream("c1", null, lines.subList(0, 4), End.CLIENT));
    seen.add(stream("c1", 3L, lines.subList(4, 9), End.TURN_ENDED));
    calls.add(new ProviderCall(1, "m1", "openai", SENT + 10, "completed"));
  }

  /** Adds {@code turn.ended} with the right digest. */
  static List<String> sealed(String... lines) {
    return sealedAs("completed", lines);
  }

  static List<String> sealedAs(String state, String... lines) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      for (String line : lines) {
        sha.update((line + "\n").getBytes(StandardCharsets.UTF_8));
      }
      String end =
          "{\"seq\":%d,\"type\":\"turn.ended\",\"state\":\"%s\",\"digest\":\"%s\",\"at\":1000100}"
              .formatted(lines.length, state, HexFormat.of().formatHex(sha.digest()));
      return Stream.concat(Stream.of(lines), Stream.of(end)).toList();
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  static Posted posted(int status, @Nullable String turn) {
    return new Posted(REQUEST, 0, SENT, SENT + 5, status, turn, null);
  }

  static Cancelled cancelled(long answeredMillis, int status, String state) {
    return new Cancelled(
        "/v1/turns/t1",
        0,
        answeredMillis - 5,
        answeredMillis,
        status,
        List.of(new TurnSeen("t1", state)));
  }

  static Streamed stream(String client, @Nullable Long after, List<String> lines, End end) {
    return stream(client, 200, after, null, lines, end);
  }

  static Streamed stream(
      String client,
      int status,
      @Nullable Long after,
      @Nullable String snapshot,
      List<String> lines,
      End end) {
    return new Streamed(
        client, "t1", 0, SENT + 20, SENT + 30, status, after, snapshot, lines, null, null, end);
  }

  static Looked looked(int status, String body) {
    return new Looked("t1", 0, SENT + 20, SENT + 30, status, body);
  }

  /** Replaces the log by another one that has the right digest. */
  void log(String... withoutEnd) {
    lines = sealed(withoutEnd);
  }

  /** The lines without {@code turn.ended}. */
  String[] open() {
    return lines.subList(0, lines.size() - 1).toArray(String[]::new);
  }

  List<Violation> violations() {
    Checker checker = new Checker(calls, troubles, Duration.ofSeconds(2));
    checker.toolRequests(toolRequests);
    List<Turn> turns = new ArrayList<>();
    List<Message> messages = new ArrayList<>();
    if (stored) {
      turns.add(turn("t1", position, lines));
      messages.add(new Message("u1", "t1", "user", 0, "complete", userText));
      messages.add(new Message("a1", "t1", "assistant", 1, messageStatus, messageText));
    }
    turns.addAll(moreTurns);
    messages.addAll(moreMessages);
    checker.check(seen, new Stored.Session("s1", turns, messages));
    return checker.violations();
  }

  List<Rule> broken() {
    return violations().stream().map(Violation::rule).distinct().toList();
  }

  Turn turn(String id, long at, List<String> log) {
    int half = log.size() / 2;
    return new Turn(
        id,
        state,
        at,
        epoch,
        node,
        SENT + 2,
        endedMillis,
        "u1",
        List.of(new Lane(0, "a1", "openai/a", laneState)),
        List.of(block(log, 0, half), block(log, half, log.size())),
        toolCalls);
  }

  static Block block(List<String> log, int from, int to) {
    return new Block(
        from,
        to - 1L,
        log.subList(from, to).stream().map(l -> l + "\n").collect(Collectors.joining()));
  }
}
