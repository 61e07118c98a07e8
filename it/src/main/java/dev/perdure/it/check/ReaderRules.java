package dev.perdure.it.check;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.it.check.Case.TurnCase;
import dev.perdure.it.check.Observation.Cancelled;
import dev.perdure.it.check.Observation.End;
import dev.perdure.it.check.Observation.Left;
import dev.perdure.it.check.Observation.Looked;
import dev.perdure.it.check.Observation.Posted;
import dev.perdure.it.check.Observation.Streamed;
import dev.perdure.it.check.Stored.Message;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a client must be given that follows, leaves, comes back or just looks. For one thread. */
final class ReaderRules {
  private final Findings findings;

  ReaderRules(Findings findings) {
    this.findings = findings;
  }

  void check(Case of) {
    Map<String, List<Streamed>> readers = new LinkedHashMap<>();
    Set<String> left = new HashSet<>();
    for (Observation one : of.seen) {
      switch (one) {
        case Streamed streamed ->
            readers.computeIfAbsent(streamed.client(), c -> new ArrayList<>()).add(streamed);
        case Left gone -> left.add(gone.client());
        case Looked looked -> looked(of, looked);
        case Posted ignored -> {}
        case Observation.Answered ignored -> {}
        case Cancelled ignored -> {}
        case Observation.Trespassed ignored -> {}
      }
    }
    readers.forEach((client, streams) -> reader(of, streams, left.contains(client)));
  }

  private void looked(Case of, Looked looked) {
    @Nullable TurnCase turn = of.turns.get(looked.turn());
    if (looked.status() == 404 || looked.status() == 410) {
      findings.add(
          Rule.ACCEPTED_IS_KEPT,
          looked.turn(),
          "An accepted turn was not found.",
          looked.toString());
    }
    if (looked.status() != 200 || turn == null) {
      return;
    }
    JsonNode body = ReplyFold.json(looked.body());
    long seq = body.path("seq").asLong(-1);
    ReplyFold fold = foldTo(turn, seq);
    if (seq < 0 || fold == null) {
      findings.add(
          Rule.DELIVERED_IS_DURABLE,
          turn.id(),
          "The answer describes event " + seq + " of a log of " + turn.lines().size() + " lines.",
          looked.toString());
      return;
    }
    for (JsonNode lane : body.path("lanes")) {
      ReplyFold.@Nullable Lane logged = fold.lanes().get(lane.path("lane").asInt(-1));
      boolean same =
          logged != null
              && logged.text().equals(lane.path("text").asText())
              && logged.text("reasoning").equals(lane.path("reasoning").asText(""))
              && logged.attempt == lane.path("attempt").asInt()
              && logged.state.equals(lane.path("state").asText());
      if (!same) {
        findings.add(
            Rule.DELIVERED_IS_DURABLE,
            turn.id(),
            "The answer is not what the log says at event " + seq + ".",
            looked.toString(),
            "log: " + (logged == null ? "no such lane" : logged.state + " " + logged.text()));
      }
    }
    String state = body.path("state").asText();
    if (ReplyFold.isTerminal(state) && !state.equals(turn.row().state())) {
      findings.add(
          Rule.ONE_END,
          turn.id(),
          "It was " + state + " in an answer, and " + turn.row().state() + " later.",
          looked.toString());
    }
  }

  private static @Nullable ReplyFold foldTo(TurnCase turn, long seq) {
    if (seq >= turn.lines().size()) {
      return null;
    }
    ReplyFold fold = new ReplyFold();
    turn.lines().subList(0, (int) seq + 1).forEach(fold::apply);
    return fold;
  }

  private void reader(Case of, List<Streamed> streams, boolean left) {
    String id = streams.getFirst().turn();
    @Nullable TurnCase turn = of.turns.get(id);
    ReplyFold text = new ReplyFold();
    boolean exact = true;
    for (Streamed stream : streams) {
      refusals(stream, turn);
      if (turn == null) {
        continue;
      }
      if (stream.snapshot() != null) {
        text = ReplyFold.of(ReplyFold.json(stream.snapshot()));
        snapshot(turn, stream);
      } else if (stream.after() == null) {
        text = new ReplyFold();
      }
      exact &= stream(turn, stream, text);
    }
    if (turn == null) {
      return;
    }
    if (text.end() == null && !left) {
      findings.add(
          Rule.READER_ENDS,
          id,
          "A reader has never seen the end of the turn.",
          "the reader " + streams.getFirst().client() + " is at " + text.seq(),
          shown(streams.getLast()));
    }
    if (exact) {
      text(turn, streams.getFirst().client(), text);
    }
  }

  private void refusals(Streamed stream, @Nullable TurnCase turn) {
    if (stream.oddity() != null) {
      findings.add(Rule.CURSOR, stream.turn(), "A broken frame: " + stream.oddity(), shown(stream));
    }
    switch (stream.status()) {
      case 204 -> {
        @Nullable Long after = stream.after();
        if (turn != null && (after == null || after != turn.lines().size() - 1)) {
          findings.add(
              Rule.CURSOR, stream.turn(), "204, but there is more to read.", shown(stream));
        }
      }
      case 404, 410 ->
          findings.add(
              Rule.ACCEPTED_IS_KEPT,
              stream.turn(),
              "An accepted turn was not found.",
              shown(stream));
      case 400 ->
          findings.add(
              Rule.DELIVERED_IS_DURABLE,
              stream.turn(),
              "A cursor was refused that is the number of a delivered event.",
              shown(stream));
      default -> {}
    }
  }

  private void snapshot(TurnCase turn, Streamed stream) {
    JsonNode json = ReplyFold.json(String.valueOf(stream.snapshot()));
    ReplyFold snapshot = ReplyFold.of(json);
    @Nullable ReplyFold logged = snapshot.seq() < 0 ? null : foldTo(turn, snapshot.seq());
    boolean same = logged != null && logged.lanes().keySet().equals(snapshot.lanes().keySet());
    if (same && logged != null) {
      for (Map.Entry<Integer, ReplyFold.Lane> lane : snapshot.lanes().entrySet()) {
        ReplyFold.Lane other = logged.lanes().getOrDefault(lane.getKey(), new ReplyFold.Lane());
        same &=
            other.text().equals(lane.getValue().text())
                && other.text("reasoning").equals(lane.getValue().text("reasoning"))
                && other.attempt == lane.getValue().attempt
                && other.state.equals(lane.getValue().state);
      }
    }
    if (!same) {
      findings.add(
          Rule.DELIVERED_IS_DURABLE,
          turn.id(),
          "A snapshot is not what the log says at event " + snapshot.seq() + ".",
          String.valueOf(stream.snapshot()));
    }
  }

  /** Returns whether the reader got what it should, so that its text can be judged. */
  private boolean stream(TurnCase turn, Streamed stream, ReplyFold text) {
    long next =
        stream.snapshot() != null
            ? text.seq() + 1
            : stream.after() == null ? 0 : stream.after() + 1;
    if (stream.status() == 200 && !stream.lines().isEmpty() && text.seq() + 1 != next) {
      findings.add(
          Rule.CURSOR,
          turn.id(),
          "The reader asked for what is after " + (next - 1) + ", but stood at " + text.seq() + ".",
          shown(stream));
      return false;
    }
    for (String line : stream.lines()) {
      long seq = ReplyFold.json(line).path("seq").asLong(-1);
      if (seq != next) {
        findings.add(
            Rule.CURSOR,
            turn.id(),
            "Event " + seq + " came where " + next + " is due.",
            line,
            shown(stream));
        return false;
      }
      if (seq >= turn.lines().size() || !turn.lines().get((int) seq).equals(line)) {
        findings.add(
            Rule.DELIVERED_IS_DURABLE,
            turn.id(),
            "An event was delivered that is not in the log.",
            "delivered: " + line,
            "stored:    "
                + (seq < turn.lines().size() ? turn.lines().get((int) seq) : "nothing at " + seq),
            shown(stream));
        return false;
      }
      text.apply(line);
      next++;
    }
    if (stream.end() == End.TURN_ENDED && text.end() == null) {
      findings.add(Rule.CURSOR, turn.id(), "The stream ended without the end.", shown(stream));
    }
    return true;
  }

  private void text(TurnCase turn, String client, ReplyFold text) {
    ReplyFold stored = new ReplyFold();
    turn.lines().forEach(stored::apply);
    text.lanes()
        .forEach((number, lane) -> {
          @Nullable Message message = turn.messages().get(lane.message);
          ReplyFold.@Nullable Lane last = stored.lanes().get(number);
          if (message == null || last == null) {
            findings.add(
                Rule.READER_TEXT,
                turn.id(),
                "A reader has a lane " + number + " without a message.");
            return;
          }
          boolean whole = text.end() != null;
          boolean same = lane.attempt == last.attempt;
          if (whole
              ? !message.text().equals(lane.text())
              : same && !message.text().startsWith(lane.text())) {
            findings.add(
                Rule.READER_TEXT,
                turn.id(),
                "Lane " + number + ": the reader " + client + " has another text.",
                "reader: " + lane.text(),
                "stored: " + message.text());
          }
        });
  }

  /** A stream without most of its lines. */
  private static String shown(Streamed s) {
    String lines =
        s.lines().isEmpty()
            ? "no lines"
            : s.lines().size()
                + " lines from "
                + s.lines().getFirst()
                + " to "
                + s.lines().getLast();
    return "stream of "
        + s.client()
        + " on node "
        + s.node()
        + " after "
        + s.after()
        + (s.snapshot() == null ? "" : " with a snapshot")
        + " from "
        + s.atMillis()
        + " to "
        + s.endedMillis()
        + ": status "
        + s.status()
        + " "
        + s.end()
        + " "
        + s.code()
        + ", "
        + lines;
  }
}
