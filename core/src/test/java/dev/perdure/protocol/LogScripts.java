package dev.perdure.protocol;

import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnEvent.LaneRef;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.PartEnded;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.protocol.TurnEvent.TurnAccepted;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import dev.perdure.protocol.TurnEvent.UsageReported;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;

/**
 * Random logs that keep to the grammar of the protocol: lanes interleave, attempts void each other,
 * lanes are retried, nodes take over. A list of numbers is read as a list of moves, so that a
 * failing log is shrunk to a short one. For one thread.
 */
final class LogScripts {
  /** What breaks lines, frames, JSON and UTF-8; halves of pairs meet in neighbouring deltas. */
  private static final List<String> TEXTS =
      List.of("", "a", " b\n", "\r\n\r\n", "Grüße", "世界", "\ud83c", "\udf0d", "\"}\n{", "\u2028\0");

  private static final List<FinishReason> FINISHES = List.of(FinishReason.values());
  private static final List<PartKind> KINDS = List.of(PartKind.values());

  private final List<TurnEvent> log = new ArrayList<>();
  private final List<Lane> lanes = new ArrayList<>();
  private long epoch;

  private static final class Lane {
    int attempt;
    int parts;
    boolean streaming;
    boolean ended;
  }

  private LogScripts(int laneCount) {
    List<LaneRef> refs = new ArrayList<>();
    for (int i = 0; i < laneCount; i++) {
      lanes.add(new Lane());
      refs.add(new LaneRef(i, "msg_" + i, "demo/a" + i));
    }
    log.add(new TurnAccepted("turn_1", "sess_1", "msg_u", refs, 1));
    log.add(new TurnStarted(++epoch, 2));
  }

  /** Logs of one to three lanes; about half of them have come to their end. */
  static Arbitrary<List<TurnEvent>> logs() {
    return Arbitraries.integers().between(0, 999_999).list().ofMaxSize(60).map(LogScripts::log);
  }

  private static List<TurnEvent> log(List<Integer> moves) {
    int seed = moves.isEmpty() ? 0 : moves.getFirst();
    LogScripts script = new LogScripts(1 + seed % 3);
    moves.forEach(script::move);
    if (seed % 2 == 0) {
      script.end();
    }
    return List.copyOf(script.log);
  }

  private void move(int number) {
    int at = number / 100 % lanes.size();
    int choice = number / 1_000;
    Lane lane = lanes.get(at);
    switch (number % 16) {
      case 0 -> log.add(new TurnStarted(++epoch, choice));
      case 1, 2 -> begin(at, choice);
      case 3 -> log.add(new Notice("retrying", text(choice), choice % 2 == 0 ? null : at));
      case 4 -> {
        if (lane.attempt > 0) {
          TokenUsage usage = new TokenUsage(choice, choice % 7, choice % 5, choice % 3);
          log.add(new UsageReported(at, lane.attempt, usage));
        }
      }
      case 5 -> endLane(at, choice);
      case 6 -> {
        if (lane.streaming && lane.parts > 0) {
          log.add(new PartEnded(at, lane.attempt, lane.parts - 1));
        }
      }
      case 7, 8 -> part(at, choice);
      default -> {
        if (lane.streaming) {
          if (lane.parts == 0) {
            part(at, choice);
          }
          log.add(new PartDelta(at, lane.attempt, choice % lane.parts, text(choice)));
        }
      }
    }
  }

  private void begin(int at, int choice) {
    Lane lane = lanes.get(at);
    lane.attempt++;
    lane.parts = 0;
    lane.streaming = true;
    lane.ended = false;
    String reason = lane.attempt == 1 ? null : "server";
    log.add(new AttemptStarted(at, 0, lane.attempt, "demo/b" + choice % 3, reason));
  }

  private void part(int at, int choice) {
    Lane lane = lanes.get(at);
    if (lane.streaming) {
      PartKind kind = KINDS.get(choice % KINDS.size());
      log.add(new PartStarted(at, lane.attempt, lane.parts++, kind));
    }
  }

  private void endLane(int at, int choice) {
    Lane lane = lanes.get(at);
    if (lane.ended) {
      return;
    }
    log.add(
        switch (choice % 3) {
          case 0 -> new LaneEnded(at, LaneState.CANCELLED, null, null);
          case 1 ->
              new LaneEnded(
                  at, LaneState.FAILED, null, new TurnError("server", text(choice), true));
          default ->
              lane.streaming
                  ? new LaneEnded(
                      at, LaneState.COMPLETED, FINISHES.get(choice % FINISHES.size()), null)
                  : new LaneEnded(at, LaneState.CANCELLED, null, null);
        });
    lane.ended = true;
    lane.streaming = false;
  }

  private void end() {
    for (int lane = 0; lane < lanes.size(); lane++) {
      endLane(lane, lane);
    }
    log.add(new TurnEnded(TurnState.FAILED, new TurnError("x", "y", false), "digest", 3));
  }

  private static String text(int choice) {
    return TEXTS.get(choice % TEXTS.size());
  }
}
