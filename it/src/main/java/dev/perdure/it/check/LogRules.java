package dev.perdure.it.check;

import dev.perdure.it.check.Case.TurnCase;
import dev.perdure.it.check.Stored.Block;
import dev.perdure.it.check.Stored.Lane;
import dev.perdure.it.check.Stored.Message;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What the stored turn must be in itself. For one thread. */
final class LogRules {
  private final Findings findings;

  LogRules(Findings findings) {
    this.findings = findings;
  }

  void check(Case of) {
    @Nullable TurnCase before = null;
    for (TurnCase turn : of.turns.values()) {
      check(turn);
      if (before != null) {
        order(before, turn);
      }
      before = turn;
    }
  }

  private void check(TurnCase turn) {
    dense(turn);
    ReplyFold fold = new ReplyFold();
    turn.lines().forEach(fold::apply);
    if (!fold.problems().isEmpty()) {
      findings.add(
          Rule.GRAMMAR,
          turn.id(),
          "The stored log breaks the grammar.",
          fold.problems().toArray(String[]::new));
    }
    ends(turn, fold);
    digest(turn);
    texts(turn, fold);
  }

  private void dense(TurnCase turn) {
    long next = 0;
    for (Block block : turn.row().log()) {
      if (block.firstSeq() != next) {
        findings.add(
            Rule.DENSE,
            turn.id(),
            "A block begins at " + block.firstSeq() + ", but the next number is " + next + ".",
            blocks(turn));
      }
      long lines = block.payload().lines().count();
      if (lines != block.lastSeq() - block.firstSeq() + 1 || !block.payload().endsWith("\n")) {
        findings.add(
            Rule.DENSE,
            turn.id(),
            "The block " + block.firstSeq() + ".." + block.lastSeq() + " has " + lines + " lines.",
            block.payload());
      }
      next = block.lastSeq() + 1;
    }
    if (next == 0) {
      findings.add(Rule.DENSE, turn.id(), "The turn has no log.", turn.row().toString());
    }
  }

  private static String blocks(TurnCase turn) {
    StringBuilder out = new StringBuilder("blocks");
    turn.row()
        .log()
        .forEach(b -> out.append(' ').append(b.firstSeq()).append("..").append(b.lastSeq()));
    return out.toString();
  }

  private void ends(TurnCase turn, ReplyFold fold) {
    String row = "row of the turn: " + head(turn);
    String last = "last line: " + (turn.lines().isEmpty() ? "none" : turn.lines().getLast());
    if (!ReplyFold.isTerminal(turn.row().state())) {
      findings.add(
          Rule.ONE_END, turn.id(), "The turn is still " + turn.row().state() + ".", row, last);
      return;
    }
    if (!turn.row().state().equals(fold.end())) {
      findings.add(
          Rule.ONE_END,
          turn.id(),
          "The row says " + turn.row().state() + ", the log " + fold.end() + ".",
          row,
          last);
    }
    if (turn.row().node() != null || turn.row().epoch() < fold.epoch()) {
      findings.add(
          Rule.ONE_END,
          turn.id(),
          "The row of an ended turn is held, or has an older epoch than the log.",
          row,
          last);
    }
    String outcome = outcome(turn.row().lanes());
    if (!turn.row().state().equals(outcome)) {
      findings.add(
          Rule.ONE_END,
          turn.id(),
          "The turn is " + turn.row().state() + ", but its lanes make it " + outcome + ".",
          row,
          turn.row().lanes().toString());
    }
    for (Lane lane : turn.row().lanes()) {
      lane(turn, lane, fold.lanes().get(lane.lane()));
    }
    if (fold.lanes().size() != turn.row().lanes().size()) {
      findings.add(
          Rule.ONE_END,
          turn.id(),
          "Rows and log have different lanes.",
          turn.row().lanes().toString());
    }
  }

  private void lane(TurnCase turn, Lane lane, ReplyFold.@Nullable Lane logged) {
    @Nullable Message message = turn.messages().get(lane.message());
    String status =
        switch (lane.state()) {
          case "completed" -> "complete";
          default -> lane.state();
        };
    if (logged == null
        || message == null
        || !logged.state.equals(lane.state())
        || !logged.message.equals(lane.message())
        || !message.status().equals(status)) {
      findings.add(
          Rule.ONE_END,
          turn.id(),
          "Lane " + lane.lane() + ": its row, its log and its message do not agree.",
          lane.toString(),
          "log: " + (logged == null ? "no such lane" : logged.message + " " + logged.state),
          "message: " + message);
    }
  }

  private static String outcome(List<Lane> lanes) {
    if (lanes.stream().anyMatch(lane -> lane.state().equals("completed"))) {
      return "completed";
    }
    return lanes.stream().anyMatch(lane -> lane.state().equals("failed")) ? "failed" : "cancelled";
  }

  static String head(TurnCase turn) {
    Stored.Turn row = turn.row();
    return row.id()
        + " "
        + row.state()
        + " position "
        + row.position()
        + " epoch "
        + row.epoch()
        + " node "
        + row.node()
        + " started "
        + row.startedMillis()
        + " ended "
        + row.endedMillis();
  }

  private void digest(TurnCase turn) {
    List<String> lines = turn.lines();
    if (lines.isEmpty() || !ReplyFold.json(lines.getLast()).has("digest")) {
      return;
    }
    MessageDigest sha = sha256();
    for (String line : lines.subList(0, lines.size() - 1)) {
      sha.update(line.getBytes(StandardCharsets.UTF_8));
      sha.update((byte) '\n');
    }
    String digest = HexFormat.of().formatHex(sha.digest());
    if (!digest.equals(ReplyFold.json(lines.getLast()).path("digest").asText())) {
      findings.add(
          Rule.DIGEST,
          turn.id(),
          "The lines before the end have the digest " + digest + ".",
          lines.getLast());
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }

  private void texts(TurnCase turn, ReplyFold fold) {
    for (Map.Entry<Integer, ReplyFold.Lane> entry : fold.lanes().entrySet()) {
      ReplyFold.Lane lane = entry.getValue();
      @Nullable Message message = turn.messages().get(lane.message);
      if (message != null && lane.over() && !message.text().equals(lane.text())) {
        findings.add(
            Rule.STORED_TEXT,
            turn.id(),
            "Lane " + entry.getKey() + ": the message differs from its log.",
            "message: " + message.text(),
            "log:     " + lane.text());
      }
      if (turn.request() != null) {
        said(turn, entry.getKey(), lane, turn.request().says());
      }
    }
  }

  private void said(TurnCase turn, int number, ReplyFold.Lane lane, String says) {
    boolean right =
        lane.state.equals("completed") ? lane.text().equals(says) : says.startsWith(lane.text());
    if (!right) {
      findings.add(
          Rule.STORED_TEXT,
          turn.id(),
          "Lane " + number + " is " + lane.state + ", but the provider did not say this.",
          "stored:   " + lane.text(),
          "provider: " + says);
    }
  }

  private void order(TurnCase before, TurnCase turn) {
    @Nullable Long started = turn.row().startedMillis();
    @Nullable Long ended = before.row().endedMillis();
    boolean inOrder =
        turn.row().position() == before.row().position() + 1
            && (started == null || (ended != null && ended <= started));
    if (!inOrder) {
      findings.add(
          Rule.ONE_AT_A_TIME,
          turn.id(),
          "It does not follow the turn before it, or began before that one had ended.",
          head(before),
          head(turn));
    }
  }
}
