package dev.perdure.protocol;

import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.ContextCompacted;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnEvent.LaneRef;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.PartEnded;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.protocol.TurnEvent.SourceUsed;
import dev.perdure.protocol.TurnEvent.StepEnded;
import dev.perdure.protocol.TurnEvent.ToolCalled;
import dev.perdure.protocol.TurnEvent.ToolDecided;
import dev.perdure.protocol.TurnEvent.ToolReturned;
import dev.perdure.protocol.TurnEvent.ToolUndo;
import dev.perdure.protocol.TurnEvent.ToolWaiting;
import dev.perdure.protocol.TurnEvent.TurnAccepted;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEvent.TurnResumed;
import dev.perdure.protocol.TurnEvent.TurnScheduled;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import dev.perdure.protocol.TurnEvent.TurnWaiting;
import dev.perdure.protocol.TurnEvent.Unknown;
import dev.perdure.protocol.TurnEvent.UsageReported;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
      case TurnScheduled e ->
          state = state == TurnState.SCHEDULED ? state : state.to(TurnState.SCHEDULED);
      case TurnStarted e -> {
        epoch = e.epoch();
        // After a takeover or drain the log goes on; only the row was queued in between. One that
        // waited goes on when it says so.
        boolean goesOn = state == TurnState.RUNNING || state == TurnState.WAITING;
        state = goesOn ? state : state.to(TurnState.RUNNING);
      }
      case AttemptStarted e -> lane(e.lane()).begin(e);
      case PartStarted e -> lane(e.lane()).last().parts.add(new PartFold(e.part(), e.kind()));
      case PartDelta e -> lane(e.lane()).part(e.part()).text.append(e.text());
      case PartEnded e -> lane(e.lane()).part(e.part()).ended = true;
      case SourceUsed e -> lane(e.lane()).last().sources.add(e);
      case ToolCalled e -> lane(e.lane()).last().calls.put(e.call(), new CallFold(e));
      case StepEnded e -> lane(e.lane()).last().end(e);
      case ToolWaiting e -> lane(e.lane()).waiting(e);
      case ToolDecided e -> lane(e.lane()).decided(e);
      case ToolReturned e -> lane(e.lane()).returned(e);
      case ToolUndo e -> {}
      case TurnWaiting e -> state = state.to(TurnState.WAITING);
      case TurnResumed e -> state = state.to(TurnState.RUNNING);
      case ContextCompacted e -> {}
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
   * @param attempt the latest attempt; 0 before the first
   * @param again the attempts so far that have a reason, because one before them did not succeed
   * @param steps what counts of each step so far, in order
   * @param usage the sum over all attempts
   */
  public record LaneSnapshot(
      int lane,
      String message,
      String model,
      LaneState state,
      int attempt,
      List<AttemptStarted> again,
      List<StepSnapshot> steps,
      TokenUsage usage,
      @Nullable FinishReason finish,
      @Nullable TurnError error) {

    /** The parts of all steps. */
    public List<PartSnapshot> parts() {
      return steps.stream().flatMap(step -> step.parts().stream()).toList();
    }

    /** What all steps rest on. */
    public List<SourceUsed> sources() {
      return steps.stream().flatMap(step -> step.sources().stream()).toList();
    }

    /** The calls of tools of all steps. */
    public List<CallSnapshot> calls() {
      return steps.stream().flatMap(step -> step.calls().stream()).toList();
    }

    /** The parts of the kind {@code text}, joined. */
    public String text() {
      StringBuilder out = new StringBuilder();
      for (StepSnapshot step : steps) {
        out.append(step.text());
      }
      return out.toString();
    }
  }

  /**
   * One model call and the tools that it asked for.
   *
   * @param attempt the attempt that the parts are of
   * @param ended whether the model's share is complete, so that the calls may run
   * @param carried what the provider wants back, see {@link StepEnded}
   */
  public record StepSnapshot(
      int step,
      int attempt,
      String model,
      List<PartSnapshot> parts,
      List<SourceUsed> sources,
      List<CallSnapshot> calls,
      boolean ended,
      @Nullable String carried) {

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

  /**
   * A call of a tool as far as the log tells.
   *
   * @param asked the event that began it
   * @param waiting what it waits for; null if it does not
   * @param returned its end; null before
   */
  public record CallSnapshot(
      ToolCalled asked, @Nullable ToolWaiting waiting, @Nullable ToolReturned returned) {}

  private static final class LaneFold {
    private final LaneRef ref;
    private String model;
    private LaneState state = LaneState.PENDING;
    private int attempt;
    private final List<AttemptStarted> again = new ArrayList<>();
    private final TreeMap<Integer, StepFold> steps = new TreeMap<>();
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
      if (e.reason() != null) {
        again.add(e);
      }
      if (state.terminal()) {
        state = state.to(LaneState.PENDING);
      }
      state = state == LaneState.STREAMING ? state : state.to(LaneState.STREAMING);
      finish = null;
      error = null;
      steps.tailMap(e.step(), true).clear();
      steps.put(e.step(), new StepFold(e));
    }

    void report(UsageReported e) {
      usage = usage.plus(e.usage());
    }

    void waiting(ToolWaiting e) {
      call(e.call()).waiting = e;
      state = state == LaneState.WAITING ? state : state.to(LaneState.WAITING);
    }

    void decided(ToolDecided e) {
      call(e.call()).waiting = null;
      goOn();
    }

    void returned(ToolReturned e) {
      CallFold call = call(e.call());
      call.waiting = null;
      call.returned = e;
      goOn();
    }

    private void goOn() {
      boolean waits = last().calls.values().stream().anyMatch(call -> call.waiting != null);
      if (state == LaneState.WAITING && !waits) {
        state = state.to(LaneState.STREAMING);
      }
    }

    void end(LaneEnded e) {
      state = state.to(e.state());
      finish = e.finish();
      error = e.error();
    }

    StepFold last() {
      if (steps.isEmpty()) {
        throw new IllegalArgumentException("Lane " + ref.lane() + " has no attempt");
      }
      return steps.lastEntry().getValue();
    }

    PartFold part(int number) {
      List<PartFold> parts = last().parts;
      for (int i = parts.size() - 1; i >= 0; i--) {
        if (parts.get(i).part == number) {
          return parts.get(i);
        }
      }
      throw new IllegalArgumentException("Lane " + ref.lane() + " has no part " + number);
    }

    private CallFold call(String id) {
      CallFold call = last().calls.get(id);
      if (call == null) {
        throw new IllegalArgumentException("Lane " + ref.lane() + " has no call " + id);
      }
      return call;
    }

    LaneSnapshot snapshot() {
      return new LaneSnapshot(
          ref.lane(),
          ref.message(),
          model,
          state,
          attempt,
          List.copyOf(again),
          steps.values().stream().map(StepFold::snapshot).toList(),
          usage,
          finish,
          error);
    }
  }

  private static final class StepFold {
    private final AttemptStarted start;
    private final List<PartFold> parts = new ArrayList<>();
    private final List<SourceUsed> sources = new ArrayList<>();
    private final Map<String, CallFold> calls = new LinkedHashMap<>();
    private @Nullable StepEnded end;

    StepFold(AttemptStarted start) {
      this.start = start;
    }

    void end(StepEnded e) {
      end = e;
    }

    StepSnapshot snapshot() {
      return new StepSnapshot(
          start.step(),
          start.attempt(),
          start.model(),
          parts.stream().map(PartFold::snapshot).toList(),
          List.copyOf(sources),
          calls.values().stream().map(CallFold::snapshot).toList(),
          end != null,
          end == null ? null : end.carried());
    }
  }

  private static final class CallFold {
    private final ToolCalled asked;
    private @Nullable ToolWaiting waiting;
    private @Nullable ToolReturned returned;

    CallFold(ToolCalled asked) {
      this.asked = asked;
    }

    CallSnapshot snapshot() {
      return new CallSnapshot(asked, waiting, returned);
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
