package dev.perdure.it.check;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.it.check.Case.TurnCase;
import dev.perdure.it.check.Observation.Answered;
import dev.perdure.it.check.Stored.ToolCall;
import dev.perdure.it.check.Stored.ToolRequest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What tools may be made to do: by the log, by the ledger, and by what the service behind a tool
 * has noted, which knows nothing of either. For one thread.
 */
final class EffectRules {
  private static final Set<String> NEVER_RUN =
      Set.of("approval", "refused", "superseded", "client");

  private final Findings findings;
  private final Map<String, List<ToolRequest>> byKey;

  /** What the log says of one call. */
  private static final class Told {
    private final String line;
    private final boolean inPlace;
    private final List<String> waits = new ArrayList<>();
    private final List<String> decisions = new ArrayList<>();
    private final List<JsonNode> results = new ArrayList<>();

    Told(String line, boolean inPlace) {
      this.line = line;
      this.inPlace = inPlace;
    }

    long count(String decision) {
      return decisions.stream().filter(decision::equals).count();
    }

    /** Whether this word says if the call may be made; else it says what came of it. */
    boolean permits(String word) {
      boolean ofApproval = !waits.contains("input") && !waits.contains("client");
      return word.equals("approve")
          || (ofApproval && (word.equals("refuse") || word.equals("expired")));
    }

    /** Whether somebody had to agree and has not. */
    boolean isForbidden() {
      return !inPlace && waits.contains("approval") && !decisions.contains("approve");
    }
  }

  /**
   * @param byKey what the services behind tools were asked, by idempotency key
   */
  EffectRules(Findings findings, Map<String, List<ToolRequest>> byKey) {
    this.findings = findings;
    this.byKey = byKey;
  }

  void check(Case of) {
    for (TurnCase turn : of.turns.values()) {
      steps(turn);
      Map<String, Told> told = told(turn);
      Map<String, ToolCall> rows = new HashMap<>();
      turn.row().calls().forEach(row -> rows.put(row.id(), row));
      told.forEach((call, log) -> {
        results(turn, call, log);
        decided(of, turn, call, log);
      });
      rows.forEach((call, row) -> {
        effect(turn, row, told.get(call), repeatsAsked(of, call));
        agreed(of, turn, row, told.get(call));
      });
    }
  }

  private void steps(TurnCase turn) {
    Map<Integer, Integer> ended = new HashMap<>();
    for (String line : turn.lines()) {
      JsonNode json = ReplyFold.json(line);
      int lane = json.path("lane").asInt(-1);
      switch (json.path("type").asText()) {
        case "step.ended" -> ended.put(lane, json.path("step").asInt());
        case "attempt.started" -> {
          if (json.path("reason").asText().equals("retry")) {
            ended.remove(lane);
          } else if (json.path("step").asInt() <= ended.getOrDefault(lane, -1)) {
            findings.add(
                Rule.STEP_ONCE,
                turn.id(),
                "Lane " + lane + " asks again for a step that is recorded as ended.",
                line);
          }
        }
        default -> {}
      }
    }
  }

  private static Map<String, Told> told(TurnCase turn) {
    Map<String, Told> told = new HashMap<>();
    for (String line : turn.lines()) {
      JsonNode json = ReplyFold.json(line);
      String type = json.path("type").asText();
      String call = json.path("call").asText();
      if (type.equals("tool.called")) {
        told.put(call, new Told(line, json.has("replaces")));
      }
      @Nullable Told of = told.get(call);
      if (of != null) {
        switch (type) {
          case "tool.waiting" -> of.waits.add(json.path("for").asText());
          case "tool.decided" -> of.decisions.add(json.path("decision").asText());
          case "tool.returned" -> of.results.add(json);
          default -> {}
        }
      }
    }
    return told;
  }

  private void results(TurnCase turn, String call, Told log) {
    if (log.results.size() > 1) {
      findings.add(
          Rule.EFFECT_ONCE, turn.id(), "The call " + call + " has several results.", log.line);
    }
    if (log.isForbidden() && log.results.stream().anyMatch(result -> result.has("output"))) {
      findings.add(
          Rule.APPROVED_FIRST,
          turn.id(),
          "The call " + call + " has a result, but nobody has agreed to it.",
          log.line,
          log.results.toString());
    }
  }

  private void decided(Case of, TurnCase turn, String call, Told log) {
    List<Answered> accepted = new ArrayList<>();
    for (Observation one : of.seen) {
      if (one instanceof Answered answer && answer.call().equals(call) && answer.status() == 200) {
        accepted.add(answer);
      }
    }
    for (boolean permission : List.of(true, false)) {
      List<String> waits =
          log.waits.stream().filter(wait -> wait.equals("approval") == permission).toList();
      List<String> decisions =
          log.decisions.stream().filter(word -> log.permits(word) == permission).toList();
      List<String> words =
          accepted.stream()
              .map(Answered::decision)
              .filter(word -> log.permits(word) == permission)
              .toList();
      decided(turn, call, log, new Question(waits, decisions, words));
    }
  }

  /**
   * What a call was asked about: whether it may be made, or what came of it.
   *
   * @param waits how often, by the log
   * @param decisions what the log says was decided
   * @param words the answers that clients were told to be taken
   */
  private record Question(List<String> waits, List<String> decisions, List<String> words) {}

  private void decided(TurnCase turn, String call, Told log, Question about) {
    // Who looks at the ledger can answer before the log tells of the question, which a crash may
    // then keep from ever telling.
    int waits = Math.max(1, about.waits.size());
    if (about.words.size() > waits
        || about.decisions.size() > about.waits.size()
        || last(about.words).size() > 1) {
      findings.add(
          Rule.DECIDED_ONCE,
          turn.id(),
          "The call " + call + " was decided more often than it waited.",
          log.line,
          about.toString());
    }
    // A call that the client makes tells of no decision, one with other arguments of another call.
    // What is cancelled is not told either.
    boolean all = !about.decisions.isEmpty() && about.decisions.size() == about.waits.size();
    boolean both = !last(about.words).isEmpty() && !last(about.decisions).isEmpty();
    if ((all && !about.decisions.containsAll(about.words))
        || (both && !last(about.words).equals(last(about.decisions)))) {
      findings.add(
          Rule.DECIDED_ONCE,
          turn.id(),
          "The call " + call + " was decided otherwise than an answer that was taken says.",
          log.line,
          about.toString());
    }
  }

  /** The words behind which a call is not asked about again. */
  private static List<String> last(List<String> words) {
    return words.stream().filter(word -> !word.equals("repeat")).toList();
  }

  /**
   * How often clients have asked for a call to be repeated and were not refused. A crash may keep
   * the log from telling of the question, and then it does not tell of the answer either.
   */
  private static long repeatsAsked(Case of, String call) {
    return of.seen.stream()
        .filter(one ->
            one instanceof Answered answer
                && answer.call().equals(call)
                && answer.decision().equals("repeat")
                && (answer.status() < 400 || answer.status() >= 500))
        .count();
  }

  private void effect(TurnCase turn, ToolCall row, @Nullable Told log, long repeatsAsked) {
    List<ToolRequest> requests = byKey.getOrDefault(row.id(), List.of());
    long repeats = Math.max(log == null ? 0 : log.count("repeat"), repeatsAsked);
    boolean once = row.effect().equals("unsafe");
    if (once && (requests.size() > 1 + repeats || row.runs() > 1 + repeats)) {
      findings.add(
          Rule.EFFECT_ONCE,
          turn.id(),
          "The unsafe call " + row.id() + " was made more often than anybody has asked for.",
          row.toString(),
          requests.toString());
    }
    if (requests.size() > row.runs()) {
      findings.add(
          Rule.EFFECT_ONCE,
          turn.id(),
          "The call " + row.id() + " was made more often than the ledger says.",
          row.toString(),
          requests.toString());
    }
    boolean forbidden = NEVER_RUN.contains(row.state()) || (log != null && log.isForbidden());
    if (forbidden && (row.runs() > 0 || !requests.isEmpty())) {
      findings.add(
          Rule.APPROVED_FIRST,
          turn.id(),
          "The call " + row.id() + " was made, but nobody has agreed to it.",
          row.toString(),
          requests.toString());
    }
  }

  /** What the service knows to need an approval, somebody must have asked for it to be made. */
  private void agreed(Case of, TurnCase turn, ToolCall row, @Nullable Told log) {
    List<ToolRequest> requests = byKey.getOrDefault(row.id(), List.of());
    if (requests.stream().noneMatch(ToolRequest::needsApproval) || (log != null && log.inPlace)) {
      return;
    }
    boolean told = log != null && log.decisions.contains("approve");
    boolean asked =
        of.seen.stream()
            .anyMatch(one ->
                one instanceof Answered answer
                    && answer.call().equals(row.id())
                    && answer.decision().equals("approve"));
    if (!told && !asked) {
      findings.add(
          Rule.APPROVED_FIRST,
          turn.id(),
          "The call " + row.id() + " needs an approval, and was made without one.",
          row.toString(),
          requests.toString());
    }
  }
}
