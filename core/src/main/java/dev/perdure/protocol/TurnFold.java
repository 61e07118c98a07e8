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
import dev.perdure.protocol.TurnEvent.Unknown;
import dev.perdure.protocol.TurnEvent.UsageReported;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The state of a turn as its log tells it: the one place where events become text. The engine
 * stores what this says, a snapshot sends what this says, and a node that takes over starts from
 * it, so the three cannot differ.
 *
 * <p>Not thread-safe; {@link #snapshot()} gives an immutable copy.
 */
public final class TurnFold {
  private String turn = "";
  private String session = "";
  private String userMessage = "";
  private long seq = -1;
  private long epoch;
  private TurnState state = TurnState.QUEUED;
  private @Nullable TurnError error;
  private final TreeMap<Integer, LaneFold> lanes = new TreeMap<>();

  /** Takes the next event; events must come in order, without a gap. */
  public void apply(long eventSeq, TurnEvent event) {
    if (eventSeq != seq + 1) {
      throw new IllegalArgumentException("Event " + eventSeq + " follows " + seq);
    }
    switch (event) {
      case TurnAccepted e -> {
        turn = e.turn();
        session = e.session();
        userMessage = e.userMessage();
        for (LaneRef lane : e.lanes()) {
          lanes.put(lane.lane(), new LaneFold(lane));
        }
      }
      case TurnStarted e -> {
        epoch = e.epoch();
        // After a takeover or drain the log goes on; only the row was queued in between.
        state = state == TurnState.RUNNING ? state : state.to(TurnState.RUNNING);
      }
      case AttemptStarted e -> lane(e.lane()).begin(e);
      case PartStarted e -> lane(e.lane()).parts.add(new PartFold(e.part(), e.kind()));
      case PartDelta e -> lane(e.lane()).part(e.part()).text.append(e.text());
      case PartEnded e -> lane(e.lane()).part(e.part()).ended = true;
      case UsageReported e -> lane(e.lane()).report(e);
      case Notice e -> {}
      case LaneEnded e -> lane(e.lane()).end(e);
      case TurnEnded e -> {
        state = state.to(e.state());
        error = e.error();
      }
      case Unknown e -> {}
    }
    // Last: an event that is refused has no place in the log, so the next one takes it.
    seq = eventSeq;
  }

  /** The sequence number of the last event taken, -1 before the first. */
  public long seq() {
    return seq;
  }

  /** The number of lanes. */
  public int laneCount() {
    return lanes.size();
  }

  /** What a lane has come to so far. */
  public LaneSnapshot laneSnapshot(int lane) {
    return lane(lane).snapshot();
  }

  public TurnSnapshot snapshot() {
    return new TurnSnapshot(
        turn,
        session,
        userMessage,
        seq,
        epoch,
        state,
        error,
        lanes.values().stream().map(LaneFold::snapshot).toList());
  }

  private LaneFold lane(int number) {
    LaneFold lane = lanes.get(number);
    if (lane == null) {
      throw new IllegalArgumentException("The turn has no lane " + number);
    }
    return lane;
  }

  /** The coalesced state of a turn up to and including event {@code seq}. */
  public record TurnSnapshot(
      String turn,
      String session,
      String userMessage,
      long seq,
      long epoch,
      TurnState state,
      @Nullable TurnError error,
      List<LaneSnapshot> lanes) {}

  /**
   * @param attempt the attempt that the parts are of; 0 before the first
   * @param usage the sum over all attempts
   */
  public record LaneSnapshot(
      int lane,
      String message,
      String model,
      LaneState state,
      int attempt,
      List<PartSnapshot> parts,
      TokenUsage usage,
      @Nullable FinishReason finish,
      @Nullable TurnError error) {

    /** The parts of the kind {@code text}, joined. */
    public String text() {
      StringBuilder out = new StringBuilder();
      for (PartSnapshot part : parts) {
        if (part.kind() == PartKind.TEXT) {
          out.append(part.text());
        }
      }
      return out.toString();
    }
  }

  public record PartSnapshot(int part, PartKind kind, String text, boolean ended) {}

  private static final class LaneFold {
    private final LaneRef ref;
    private String model;
    private LaneState state = LaneState.PENDING;
    private int attempt;
    private final List<PartFold> parts = new ArrayList<>();
    private TokenUsage usage = TokenUsage.ZERO;
    private @Nullable FinishReason finish;
    private @Nullable TurnError error;

    LaneFold(LaneRef ref) {
      this.ref = ref;
      this.model = ref.model();
    }

    void begin(AttemptStarted e) {
      attempt = e.attempt();
      model = e.model();
      if (state.terminal()) {
        state = state.to(LaneState.PENDING);
      }
      state = state == LaneState.STREAMING ? state : state.to(LaneState.STREAMING);
      finish = null;
      error = null;
      parts.clear();
    }

    void report(UsageReported e) {
      usage = usage.plus(e.usage());
    }

    void end(LaneEnded e) {
      state = state.to(e.state());
      finish = e.finish();
      error = e.error();
    }

    PartFold part(int number) {
      for (int i = parts.size() - 1; i >= 0; i--) {
        if (parts.get(i).part == number) {
          return parts.get(i);
        }
      }
      throw new IllegalArgumentException("Lane " + ref.lane() + " has no part " + number);
    }

    LaneSnapshot snapshot() {
      return new LaneSnapshot(
          ref.lane(),
          ref.message(),
          model,
          state,
          attempt,
          parts.stream().map(PartFold::snapshot).toList(),
          usage,
          finish,
          error);
    }
  }

  private static final class PartFold {
    private final int part;
    private final PartKind kind;
    private final StringBuilder text = new StringBuilder();
    private boolean ended;

    PartFold(int part, PartKind kind) {
      this.part = part;
      this.kind = kind;
    }

    PartSnapshot snapshot() {
      return new PartSnapshot(part, kind, text.toString(), ended);
    }
  }
}
