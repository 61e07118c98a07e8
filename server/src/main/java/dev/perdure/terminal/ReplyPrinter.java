package dev.perdure.terminal;

import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.ContextCompacted;
import dev.perdure.protocol.TurnEvent.LaneEnded;
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
import dev.perdure.protocol.TurnFold;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import java.io.PrintStream;
import java.util.stream.Collectors;

/**
 * Prints the reply of one turn from its events. Of several lanes the first that has not ended is
 * shown live; the others are shown whole when it is their turn. Where the output is not looked at
 * live (a pipe), a lane is printed when it has ended, so that a text which a later attempt voids
 * never gets there.
 *
 * <p>Used by one thread.
 */
final class ReplyPrinter {
  private static final String DIM = "\u001b[2m";
  private static final String PLAIN = "\u001b[0m";

  /** What is shown of the arguments and results of tools. */
  private static final int MAX_NOTE_CHARS = 200;

  private final PrintStream out;
  private final PrintStream notes;
  private final boolean live;
  private final TurnFold fold = new TurnFold();
  private int lane;
  private boolean dim;
  private boolean shown;
  private boolean lineOpen;
  private char half;

  /**
   * @param out where the reply goes
   * @param notes where everything else goes
   */
  ReplyPrinter(PrintStream out, PrintStream notes, boolean live) {
    this.out = out;
    this.notes = notes;
    this.live = live;
  }

  /** Takes the next event. */
  void print(long seq, TurnEvent event) {
    fold.apply(seq, event);
    switch (event) {
      case TurnAccepted e -> heading();
      case TurnScheduled e -> {}
      case TurnStarted e -> {}
      case AttemptStarted e -> attempt(e);
      case PartStarted e -> {
        if (live && e.lane() == lane) {
          part(e.kind());
        }
      }
      case PartDelta e -> {
        if (live && e.lane() == lane) {
          text(e.text());
        }
      }
      case PartEnded e -> {}
      case SourceUsed e -> {}
      case ToolCalled e -> note("calls " + e.tool() + " " + shortened(e.input()));
      case StepEnded e -> {}
      case ToolWaiting e -> {}
      case ToolDecided e -> note(decided(e));
      case ToolReturned e -> note(returned(e));
      case ToolUndo e -> note("the effect of " + e.call() + " will be undone");
      case TurnWaiting e -> {}
      case TurnResumed e -> {}
      case UsageReported e -> {}
      case ContextCompacted e -> note(e.messages() + " older messages are summed up");
      case Notice e -> note(e.text());
      case LaneEnded e -> laneEnded(e.lane());
      case TurnEnded e -> endLine();
      case Unknown e -> {}
    }
    out.flush();
  }

  /** Says something beside the reply, on a line of its own. */
  void note(String text) {
    endLine();
    out.flush();
    notes.println((live ? DIM : "") + "[" + Printable.line(text) + "]" + (live ? PLAIN : ""));
    notes.flush();
  }

  private static String decided(ToolDecided e) {
    String what =
        switch (e.decision()) {
          case APPROVE -> "approved";
          case REFUSE -> "refused";
          case EXPIRED -> "nobody answered in time";
          case DONE -> "taken as done";
          case REPEAT -> "called again";
          case FAIL -> "taken as failed";
        };
    return what + (e.reason() == null ? "" : ": " + shortened(e.reason()));
  }

  private static String returned(ToolReturned e) {
    return e.error() == null
        ? "got " + shortened(e.output() == null ? "nothing" : e.output())
        : "the tool failed: " + shortened(e.error().text());
  }

  private static String shortened(String text) {
    return text.length() <= MAX_NOTE_CHARS ? text : text.substring(0, MAX_NOTE_CHARS) + "…";
  }

  private void attempt(AttemptStarted e) {
    if (e.lane() != lane || !shown) {
      return;
    }
    if (e.reason() == null) {
      // The next step: what was said before it counts.
      endLine();
      return;
    }
    if (live) {
      note("the reply starts over" + (e.reason() == null ? "" : ": " + e.reason()));
    }
    half = 0;
    dim = false;
    shown = false;
  }

  private void part(PartKind kind) {
    if (shown && lineOpen) {
      out.println();
      lineOpen = false;
    }
    if (kind == PartKind.REASONING) {
      out.print(DIM);
      dim = true;
    } else if (dim) {
      out.print(PLAIN);
      dim = false;
    }
  }

  private void text(String text) {
    String whole = half == 0 ? text : half + text;
    half = 0;
    int end = whole.length();
    // Half of a character outside the basic plane waits for its other half.
    if (end > 0 && Character.isHighSurrogate(whole.charAt(end - 1))) {
      half = whole.charAt(--end);
    }
    String safe = Printable.text(whole.substring(0, end));
    if (!safe.isEmpty()) {
      out.print(safe);
      shown = true;
      lineOpen = !safe.endsWith("\n");
    }
  }

  private void laneEnded(int ended) {
    if (ended < lane) {
      // A retry of a lane that was already shown.
      LaneSnapshot again = fold.laneSnapshot(ended);
      endLine();
      out.println("== " + Printable.line(again.model()) + ", once more ==");
      text(again.text());
      endLine();
    }
    while (lane < fold.laneCount()) {
      LaneSnapshot snapshot = fold.laneSnapshot(lane);
      if (!snapshot.state().terminal()) {
        return;
      }
      if (!live) {
        text(snapshot.text());
      }
      endLine();
      if (!snapshot.sources().isEmpty()) {
        note("rests on " + sources(snapshot));
      }
      if (snapshot.state() != LaneState.COMPLETED) {
        note(ending(snapshot));
      }
      next();
    }
  }

  private static String sources(LaneSnapshot lane) {
    return lane.sources().stream()
        .map(SourceUsed::source)
        .map(source -> source.title() + (source.url() == null ? "" : " <" + source.url() + ">"))
        .collect(Collectors.joining(", "));
  }

  private void next() {
    lane++;
    shown = false;
    half = 0;
    if (lane >= fold.laneCount()) {
      return;
    }
    heading();
    if (live) {
      for (TurnFold.PartSnapshot part : fold.laneSnapshot(lane).parts()) {
        part(part.kind());
        text(part.text());
      }
    }
  }

  private static String ending(LaneSnapshot lane) {
    TurnError error = lane.error();
    return lane.model()
        + (lane.state() == LaneState.CANCELLED ? " was cancelled" : " failed")
        + (error == null ? "" : ": " + error.text() + " (" + error.code() + ")");
  }

  /** Several lanes are told apart by the names of their models. */
  private void heading() {
    if (fold.laneCount() > 1) {
      out.println("== " + Printable.line(fold.laneSnapshot(lane).model()) + " ==");
    }
  }

  private void endLine() {
    if (dim) {
      out.print(PLAIN);
      dim = false;
    }
    if (lineOpen) {
      out.println();
      lineOpen = false;
    }
  }
}
