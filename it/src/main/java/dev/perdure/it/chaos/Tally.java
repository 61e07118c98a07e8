package dev.perdure.it.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.it.check.Observation;
import dev.perdure.it.check.Observation.Answered;
import dev.perdure.it.check.Observation.Cancelled;
import dev.perdure.it.check.Observation.Left;
import dev.perdure.it.check.Observation.Looked;
import dev.perdure.it.check.Observation.Posted;
import dev.perdure.it.check.Observation.Streamed;
import dev.perdure.it.check.Observation.Trespassed;
import dev.perdure.it.check.Stored;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The numbers of a run, from its histories and the database. For one thread. */
final class Tally {
  final Map<String, Integer> turns = new TreeMap<>();
  final Map<String, Integer> failures = new TreeMap<>();
  final Map<String, Integer> answers = new TreeMap<>();
  final Map<String, Integer> calls = new TreeMap<>();
  int accepted;
  int repeated;
  int connections;
  int reconnects;
  int brokenOff;
  int attempts;
  int epochs;
  long events;
  long haunted;

  /** Counts a session. */
  void count(List<Observation> seen, Stored.Session stored) {
    Set<String> keys = new HashSet<>();
    Set<String> clients = new HashSet<>();
    for (Observation one : seen) {
      switch (one) {
        case Posted posted -> {
          if (!keys.add(posted.request().key())) {
            repeated++;
          }
          answer("POST turns", posted.status(), posted.code());
        }
        case Streamed streamed -> {
          connections++;
          if (!clients.add(streamed.client())) {
            reconnects++;
          }
          if (streamed.end() == Observation.End.BROKEN) {
            brokenOff++;
          }
          events += streamed.lines().size();
          answer("GET events", streamed.status(), streamed.code());
        }
        case Cancelled cancelled -> answer("POST cancel", cancelled.status(), null);
        case Looked looked -> answer("GET turn", looked.status(), null);
        case Trespassed trespassed -> answer("trespass", trespassed.status(), null);
        case Answered answered -> answer("POST answers", answered.status(), null);
        case Left ignored -> {}
      }
    }
    for (Stored.Turn turn : stored.turns()) {
      accepted++;
      turns.merge(turn.state(), 1, Integer::sum);
      turn.calls()
          .forEach(call -> calls.merge(call.effect() + " " + call.state(), 1, Integer::sum));
      turn.log().forEach(block -> block.payload().lines().forEach(this::line));
    }
  }

  private void answer(String request, int status, @Nullable String code) {
    if (status != 0) {
      String what = status < 400 || code == null ? "" : " " + code;
      answers.merge(request + " " + status + what, 1, Integer::sum);
    } else {
      answers.merge(request + " no answer", 1, Integer::sum);
    }
  }

  private void line(String line) {
    if (line.contains("\"attempt.started\"")) {
      attempts++;
    } else if (line.contains("\"turn.started\"")) {
      epochs++;
    } else if (line.contains("\"turn.ended\"")) {
      try {
        JsonNode json = Recorder.JSON.readTree(line);
        if (json.path("state").asText().equals("failed")) {
          failures.merge(json.path("error").path("code").asText("(none)"), 1, Integer::sum);
        }
      } catch (IOException e) {
        failures.merge("(not JSON)", 1, Integer::sum);
      }
    }
  }
}
