package dev.perdure.it.check;

import dev.perdure.it.check.Case.TurnCase;
import dev.perdure.it.check.Observation.Cancelled;
import dev.perdure.it.check.Observation.Posted;
import dev.perdure.it.check.Observation.Request;
import dev.perdure.it.check.Observation.TurnSeen;
import dev.perdure.it.check.Stored.Message;
import dev.perdure.it.check.Stored.ProviderCall;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** What must become of a message that was sent, and of a wish to stop. For one thread. */
final class RequestRules {
  private final Findings findings;
  private final long graceMillis;

  /**
   * @param graceMillis how much later than the acknowledgement of a cancel its effect may show
   */
  RequestRules(Findings findings, long graceMillis) {
    this.findings = findings;
    this.graceMillis = graceMillis;
  }

  void check(Case of) {
    of.posts.values().forEach(posts -> request(of, posts));
    for (TurnCase turn : of.turns.values()) {
      if (turn.request() == null) {
        findings.add(
            Rule.ACCEPTED_IS_KEPT,
            turn.id(),
            "Nobody has sent the message of this turn.",
            String.valueOf(turn.messages().get(turn.row().userMessage())));
      }
    }
    for (Observation one : of.seen) {
      switch (one) {
        case Cancelled cancelled -> cancelled(of, cancelled);
        case Posted posted -> interrupted(of, posted);
        case Observation.Streamed ignored -> {}
        case Observation.Left ignored -> {}
        case Observation.Answered ignored -> {}
        case Observation.Looked ignored -> {}
        case Observation.Trespassed ignored -> {}
      }
    }
  }

  private void request(Case of, List<Posted> posts) {
    Request request = posts.getFirst().request();
    String[] evidence = posts.stream().map(Posted::toString).toArray(String[]::new);
    Set<String> turns = new TreeSet<>();
    boolean unsure = false;
    for (Posted post : posts) {
      if (post.turn() != null) {
        turns.add(post.turn());
      }
      // After no answer and after a failure of the server nobody can know.
      unsure |= post.status() == 0 || post.status() >= 500;
    }
    List<TurnCase> stored = of.turnsOf(request);
    stored.forEach(turn -> turns.add(turn.id()));
    if (turns.size() > 1) {
      findings.add(
          Rule.ONE_KEY_ONE_TURN,
          String.join(" ", turns),
          "One key has made " + turns.size() + " turns.",
          evidence);
    }
    boolean accepted = posts.stream().anyMatch(post -> post.turn() != null);
    if (accepted) {
      for (String turn : turns) {
        kept(of, turn, request, evidence);
      }
    } else if (!unsure && !stored.isEmpty()) {
      findings.add(
          Rule.REFUSED_IS_NOTHING,
          stored.getFirst().id(),
          "The message was refused, but it is stored.",
          evidence);
    }
  }

  private void kept(Case of, String id, Request request, String[] evidence) {
    @Nullable TurnCase turn = of.turns.get(id);
    if (turn == null) {
      findings.add(
          Rule.ACCEPTED_IS_KEPT, id, "The turn was accepted, but it is not stored.", evidence);
      return;
    }
    @Nullable Message user = turn.messages().get(turn.row().userMessage());
    if (user == null || !user.text().equals(request.text())) {
      findings.add(
          Rule.ACCEPTED_IS_KEPT,
          id,
          "The stored message is not the one that was sent.",
          "sent:   " + request.text(),
          "stored: " + user);
    }
    List<String> models = turn.row().lanes().stream().map(Stored.Lane::model).toList();
    if (!models.equals(request.models())) {
      findings.add(
          Rule.ACCEPTED_IS_KEPT,
          id,
          "The lanes are not those that were asked for: " + request.models() + ".",
          models.toString());
    }
  }

  private void cancelled(Case of, Cancelled cancel) {
    if (cancel.status() != 200 && cancel.status() != 202) {
      return;
    }
    for (TurnSeen seen : cancel.turns()) {
      of.turn(seen.turn()).ifPresent(turn -> cancelled(of, cancel, seen, turn));
    }
  }

  private void cancelled(Case of, Cancelled cancel, TurnSeen seen, TurnCase turn) {
    boolean wasOver = ReplyFold.isTerminal(seen.state());
    if (wasOver && !seen.state().equals(turn.row().state())) {
      findings.add(
          Rule.ONE_END,
          turn.id(),
          "It was " + seen.state() + " in an answer, and another thing later.",
          cancel.toString(),
          LogRules.head(turn));
    }
    if (seen.state().equals("cancelled") && neverStarted(turn) && !turn.calls().isEmpty()) {
      findings.add(
          Rule.NO_CALL_AFTER_CANCEL,
          turn.id(),
          "It was cancelled in the queue, but the provider was called.",
          cancel.toString(),
          turn.calls().toString());
    }
    if (cancel.target().contains("/lanes/") && turn.row().lanes().size() > 1) {
      // The other lanes go on, and calls do not say for which lane they are if models are equal.
      return;
    }
    stops(of, turn, cancel.answeredMillis(), cancel.toString());
  }

  private static boolean neverStarted(TurnCase turn) {
    return turn.lines().stream()
        .noneMatch(line -> ReplyFold.json(line).path("type").asText().equals("turn.started"));
  }

  /** An accepted message that interrupts acknowledges the cancels of what was open before it. */
  private void interrupted(Case of, Posted post) {
    if (post.turn() == null || !post.request().whenBusy().equals("interrupt")) {
      return;
    }
    @Nullable TurnCase by = of.turns.get(post.turn());
    if (by == null) {
      return;
    }
    Set<String> earlier = new HashSet<>();
    for (TurnCase turn : of.turns.values()) {
      if (turn.row().position() < by.row().position() && earlier.add(turn.id())) {
        stops(of, turn, post.answeredMillis(), post.toString());
      }
    }
  }

  private void stops(Case of, TurnCase turn, long acknowledgedMillis, String evidence) {
    for (ProviderCall call : turn.calls()) {
      if (call.receivedMillis() > acknowledgedMillis
          && !of.inTime(acknowledgedMillis, call.receivedMillis(), graceMillis)) {
        findings.add(
            Rule.NO_CALL_AFTER_CANCEL,
            turn.id(),
            "The provider was called "
                + (call.receivedMillis() - acknowledgedMillis)
                + " ms after a cancel was acknowledged.",
            evidence,
            call.toString(),
            LogRules.head(turn));
      }
    }
    @Nullable Long ended = turn.row().endedMillis();
    if (ended != null
        && ended > acknowledgedMillis
        && !turn.row().state().equals("cancelled")
        // A cancel that finds all replies complete changes nothing, however late the end is stored.
        && ConductRules.startsAfterAllLanes(turn).isEmpty()
        && !of.inTime(acknowledgedMillis, ended, graceMillis)) {
      findings.add(
          Rule.CANCEL_IS_OBEYED,
          turn.id(),
          "It was "
              + turn.row().state()
              + " "
              + (ended - acknowledgedMillis)
              + " ms after a cancel was acknowledged.",
          evidence,
          LogRules.head(turn));
    }
  }
}
