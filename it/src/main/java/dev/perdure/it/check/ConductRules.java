package dev.perdure.it.check;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.it.check.Case.TurnCase;
import dev.perdure.it.check.Observation.Cancelled;
import dev.perdure.it.check.Observation.Left;
import dev.perdure.it.check.Observation.Looked;
import dev.perdure.it.check.Observation.Posted;
import dev.perdure.it.check.Observation.Streamed;
import dev.perdure.it.check.Observation.Trespassed;
import dev.perdure.it.check.Stored.Lane;
import dev.perdure.it.check.Stored.ProviderCall;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a server must not do, whoever asks and whatever breaks. For one thread. */
final class ConductRules {
  private static final int INTERNAL = 500;
  private static final Set<String> STREAM = Set.of("/events", "/download");
  private static final Set<Integer> REFUSALS_OF_ALL = Set.of(0, 404, 429);

  private final Findings findings;
  private final long graceMillis;

  /**
   * @param graceMillis how much later than its end a turn's last call may arrive
   */
  ConductRules(Findings findings, long graceMillis) {
    this.findings = findings;
    this.graceMillis = graceMillis;
  }

  void check(Case of) {
    Set<String> wishes = wishes(of);
    for (TurnCase turn : of.turns.values()) {
      cancelled(of, turn, wishes);
      notAgain(of, turn);
      bugs(turn);
    }
    of.seen.forEach(this::answered);
  }

  /** Every path that somebody has asked to cancel, whether or not there was an answer. */
  private static Set<String> wishes(Case of) {
    Set<String> wishes = new HashSet<>();
    for (Observation one : of.seen) {
      switch (one) {
        case Cancelled cancelled -> wishes.add(cancelled.target());
        case Posted posted -> {
          if (posted.request().whenBusy().equals("interrupt")) {
            // Whatever was open then, so that of its session anything may be meant.
            wishes.add("/v1/sessions/" + of.stored.id());
          }
        }
        case Streamed ignored -> {}
        case Left ignored -> {}
        case Observation.Answered ignored -> {}
        case Looked ignored -> {}
        case Trespassed ignored -> {}
      }
    }
    return wishes;
  }

  private void cancelled(Case of, TurnCase turn, Set<String> wishes) {
    String path = "/v1/turns/" + turn.id();
    if (wishes.contains(path) || wishes.contains("/v1/sessions/" + of.stored.id())) {
      return;
    }
    for (Lane lane : turn.row().lanes()) {
      if (lane.state().equals("cancelled") && !wishes.contains(path + "/lanes/" + lane.lane())) {
        findings.add(
            Rule.CANCEL_IS_WISHED,
            turn.id(),
            "Lane " + lane.lane() + " is cancelled, but nobody has asked for it.",
            LogRules.head(turn));
      }
    }
  }

  private void notAgain(Case of, TurnCase turn) {
    @Nullable Long ended = turn.row().endedMillis();
    List<Long> starts = startsAfterAllLanes(turn);
    for (ProviderCall call : turn.calls()) {
      long at = call.receivedMillis();
      if (ended != null && at > ended && !of.inTime(ended, at, graceMillis)) {
        findings.add(
            Rule.RECORDED_IS_DONE,
            turn.id(),
            "The provider was called " + (at - ended) + " ms after the turn had ended.",
            call.toString(),
            LogRules.head(turn));
      }
      for (long start : starts) {
        if (at > start && !of.delayed(turn.row().startedMillis(), start)) {
          findings.add(
              Rule.RECORDED_IS_DONE,
              turn.id(),
              "All lanes had ended when a node took the turn up at "
                  + start
                  + ", but it called the provider.",
              call.toString(),
              LogRules.head(turn));
        }
      }
    }
  }

  /** When nodes took the turn up although nothing but its end was left to do. */
  static List<Long> startsAfterAllLanes(TurnCase turn) {
    List<Long> starts = new ArrayList<>();
    Set<Integer> open = new HashSet<>();
    turn.row().lanes().forEach(lane -> open.add(lane.lane()));
    for (String line : turn.lines()) {
      JsonNode json = ReplyFold.json(line);
      switch (json.path("type").asText()) {
        case "lane.ended" -> open.remove(json.path("lane").asInt());
        case "attempt.started" -> open.add(json.path("lane").asInt());
        case "turn.started" -> {
          if (open.isEmpty()) {
            starts.add(json.path("at").asLong());
          }
        }
        default -> {}
      }
    }
    return starts;
  }

  private void bugs(TurnCase turn) {
    for (String line : turn.lines()) {
      if (ReplyFold.json(line).path("error").path("code").asText().equals("internal")) {
        findings.add(Rule.NO_BUG, turn.id(), "A reply failed by a fault of the server.", line);
      }
    }
  }

  private void answered(Observation one) {
    switch (one) {
      case Posted posted -> internal(posted.status(), posted.request().key(), posted);
      case Cancelled cancelled -> internal(cancelled.status(), cancelled.target(), cancelled);
      case Looked looked -> internal(looked.status(), looked.turn(), looked);
      case Streamed streamed -> internal(streamed.status(), streamed.turn(), streamed);
      case Trespassed trespassed -> {
        internal(trespassed.status(), trespassed.turn(), trespassed);
        trespassed(trespassed);
      }
      case Observation.Answered answer -> internal(answer.status(), answer.turn(), answer);
      case Left ignored -> {}
    }
  }

  private void internal(int status, String subject, Observation one) {
    if (status == INTERNAL) {
      findings.add(Rule.NO_BUG, subject, "An answer was 500.", one.toString());
    }
  }

  private static String tail(String path) {
    return path.substring(path.lastIndexOf('/'));
  }

  /** Nothing but how to come again, and that the database is away. */
  private static boolean isEmpty(String body) {
    return body.lines()
        .allMatch(line ->
            line.isEmpty()
                || line.startsWith("retry:")
                || line.equals("event: notice")
                || line.startsWith("data: {\"code\":\"degraded\""));
  }

  private void trespassed(Trespassed one) {
    boolean refused = REFUSALS_OF_ALL.contains(one.status()) || one.status() >= INTERNAL;
    // A stream is never refused with 503 but empty, whoever asks; a download is read like one.
    boolean empty = one.status() == 200 && STREAM.contains(tail(one.what())) && isEmpty(one.body());
    if (!refused && !empty) {
      findings.add(
          Rule.FOREIGN_IS_UNKNOWN,
          one.turn(),
          "Somebody else's " + one.what() + " was answered with " + one.status() + ".",
          one.body());
    }
  }
}
