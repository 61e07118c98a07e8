package dev.perdure.it.check;

import dev.perdure.it.check.Observation.Posted;
import dev.perdure.it.check.Observation.Request;
import dev.perdure.it.check.Stored.Message;
import dev.perdure.it.check.Stored.ProviderCall;
import dev.perdure.it.check.Stored.Trouble;
import dev.perdure.it.check.Stored.Turn;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** All that is known of one session, in the order in which rules want it. Immutable. */
final class Case {
  final List<Observation> seen;
  final Stored.Session stored;

  /** Turns by id, in the order of their positions. */
  final Map<String, TurnCase> turns = new LinkedHashMap<>();

  /** POSTs by idempotency key. */
  final Map<String, List<Posted>> posts = new LinkedHashMap<>();

  private final List<Trouble> troubles;

  /** One turn and what was meant by it; the request is null if no client knows of the turn. */
  record TurnCase(
      Turn row,
      List<String> lines,
      Map<String, Message> messages,
      @Nullable Request request,
      List<ProviderCall> calls) {
    String id() {
      return row.id();
    }
  }

  /**
   * @param calls of the provider, by marker
   */
  Case(
      List<Observation> seen,
      Stored.Session stored,
      Map<String, List<ProviderCall>> calls,
      List<Trouble> troubles) {
    this.seen = List.copyOf(seen);
    this.stored = stored;
    this.troubles = List.copyOf(troubles);
    Map<String, Request> byText = new HashMap<>();
    for (Observation one : seen) {
      if (one instanceof Posted posted) {
        posts.computeIfAbsent(posted.request().key(), key -> new ArrayList<>()).add(posted);
        byText.put(posted.request().text(), posted.request());
      }
    }
    Map<String, Message> messages = new HashMap<>();
    stored.messages().forEach(message -> messages.put(message.id(), message));
    for (Turn turn : stored.turns()) {
      Message user = messages.get(turn.userMessage());
      Request request = user == null ? null : byText.get(user.text());
      turns.put(
          turn.id(),
          new TurnCase(
              turn,
              lines(turn),
              messages,
              request,
              request == null ? List.of() : calls.getOrDefault(request.marker(), List.of())));
    }
  }

  private static List<String> lines(Turn turn) {
    List<String> lines = new ArrayList<>();
    turn.log().forEach(block -> block.payload().lines().forEach(lines::add));
    return List.copyOf(lines);
  }

  /** The turns that were stored for one request. */
  List<TurnCase> turnsOf(Request request) {
    return turns.values().stream().filter(turn -> request.equals(turn.request())).toList();
  }

  Optional<TurnCase> turn(String id) {
    return Optional.ofNullable(turns.get(id));
  }

  /**
   * Whether something may come this late after something else: within the grace, or within the
   * grace after a trouble that lay between.
   */
  boolean inTime(long sinceMillis, long atMillis, long graceMillis) {
    long start = sinceMillis;
    boolean moved = true;
    while (atMillis > start + graceMillis && moved) {
      moved = false;
      for (Trouble trouble : troubles) {
        if (trouble.untilMillis() > start && trouble.fromMillis() <= start + graceMillis) {
          start = trouble.untilMillis();
          moved = true;
        }
      }
    }
    return atMillis <= start + graceMillis;
  }

  /** Whether something that stood still since before one time may go on after another one. */
  boolean delayed(@Nullable Long sinceMillis, long atMillis) {
    long since = sinceMillis == null ? atMillis : sinceMillis;
    return troubles.stream()
        .anyMatch(t -> t.fromMillis() <= atMillis && t.untilMillis() >= since && !t.deadly());
  }
}
