package dev.perdure.server.aisdk;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.perdure.protocol.Decision;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.LineBuffer;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent;
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
import dev.perdure.server.http.KnownLog;
import dev.perdure.server.http.Projection;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The first lane of a turn as the UI message stream of the AI SDK ({@code uiMessageChunkSchema} of
 * npm {@code ai} 7). Used by one thread.
 *
 * <pre>
 *   turn.accepted                  start{messageId, messageMetadata}
 *   attempt.started                start-step, or reset-step where it voids what the step has shown
 *   part.started .delta .ended     text-start, text-delta, text-end; reasoning-...
 *   source                         source-document, source-url
 *   tool.called .waiting           tool-input-available, tool-approval-request
 *   tool.decided .returned         tool-approval-response, tool-output-available, -error, -denied
 *   turn.waiting                   finish-step finish, then [DONE]: the client speaks next
 *   notice                         data-notice, transient
 *   turn.ended, by the lane's end  finish-step finish | error | abort, then [DONE]
 * </pre>
 *
 * <p>The end of the lane is told with the end of the turn, because until then the lane may be
 * retried. A wait that was over when the stream began does not end it.
 */
final class UiMessageStream implements Projection {
  private static final int LANE = 0;

  private final Attempts attempts;
  private final KnownLog known;
  private final long after;
  private final @Nullable String name;
  private final TreeMap<Integer, PartKind> open = new TreeMap<>();
  private String model = "";
  private int step = -1;
  private int attempt;
  private boolean inStep;
  private boolean shown;
  private boolean skipping;
  private byte[] opening = {};
  private final Set<String> calls = new HashSet<>();
  private final Set<String> approvals = new HashSet<>();
  private TokenUsage usage = TokenUsage.ZERO;
  private @Nullable LaneEnded end;

  /** What becomes of an attempt that is void once something of it was shown. */
  enum Attempts {
    /** The client is told to forget it, by {@code reset-step}. */
    RESET,
    /** The connection is cut: the client resumes, and is not shown what is void by then. */
    CUT
  }

  /**
   * @param known what the log has when the stream begins: attempts that are void by then are not
   *     shown at all to a client that cannot forget, and waits that are over do not end the stream
   * @param after the wait behind which the stream begins, of a message that the client has up to
   *     there; -1 for the whole message
   */
  UiMessageStream(Attempts attempts, KnownLog known, long after) {
    this(attempts, known, after, null);
  }

  /**
   * @param name of what comes behind the wait, where that is a message of its own for the client;
   *     null for that of the reply
   */
  UiMessageStream(Attempts attempts, KnownLog known, long after, @Nullable String name) {
    this.attempts = attempts;
    this.known = known;
    this.after = after;
    this.name = name;
  }

  @Override
  public Then apply(long seq, TurnEvent event, Out out) {
    if (seq > after) {
      return tell(seq, event, out);
    }
    Then then = tell(seq, event, Out.NOWHERE);
    if (seq == after) {
      inStep = false;
      if (name != null) {
        // Calls are parts of the message before, and can be told of in that one only.
        calls.clear();
        approvals.clear();
      }
      out.data(opening);
    }
    return then == Then.CUT ? Then.CUT : Then.GO_ON;
  }

  private Then tell(long seq, TurnEvent event, Out out) {
    switch (event) {
      case TurnAccepted e -> start(e, out);
      case TurnScheduled e -> {}
      case TurnStarted e -> {}
      case AttemptStarted e -> {
        return e.lane() != LANE || begin(seq, e, out) ? Then.GO_ON : Then.CUT;
      }
      case PartStarted e -> {
        if (e.lane() == LANE && !skipping) {
          open.put(e.part(), e.kind());
          shown = true;
          part(e.kind(), "-start", e.part(), null, out);
        }
      }
      case PartDelta e -> {
        @Nullable PartKind kind = e.lane() == LANE && !skipping ? open.get(e.part()) : null;
        if (kind != null) {
          part(kind, "-delta", e.part(), e.text(), out);
        }
      }
      case PartEnded e -> {
        @Nullable PartKind kind = e.lane() == LANE && !skipping ? open.remove(e.part()) : null;
        if (kind != null) {
          part(kind, "-end", e.part(), null, out);
        }
      }
      case SourceUsed e -> source(e, out);
      case ToolCalled e -> called(e, out);
      case StepEnded e -> {}
      case ToolWaiting e -> waiting(e, out);
      case ToolDecided e -> decided(e, out);
      case ToolReturned e -> returned(e, out);
      case ToolUndo e -> {}
      case ContextCompacted e -> {}
      case TurnWaiting e -> {
        if (seq > known.over() && KnownLog.forSomebody(e.waitsFor())) {
          pause(out);
          return Then.END;
        }
      }
      case TurnResumed e -> {}
      case UsageReported e -> usage = e.lane() == LANE ? usage.plus(e.usage()) : usage;
      case Notice e -> notice(e, out);
      case LaneEnded e -> end = e.lane() == LANE ? e : end;
      case TurnEnded e -> finish(e, out);
      case Unknown e -> {}
    }
    return Then.GO_ON;
  }

  /** The client is to speak next. The lane itself may be over, where another one waits. */
  private void pause(Out out) {
    if (end != null) {
      finish(end, null, out);
      return;
    }
    endStep(out);
    LineBuffer json = chunk("finish").raw(",\"finishReason\":\"tool-calls\"");
    end(metadata(json), out);
    out.done();
  }

  private void endStep(Out out) {
    if (inStep) {
      inStep = false;
      end(chunk("finish-step"), out);
    }
  }

  private void start(TurnAccepted event, Out out) {
    LaneRef lane = event.lanes().getFirst();
    model = lane.model();
    LineBuffer json =
        chunk("start").raw(",\"messageId\":").quoted(name == null ? lane.message() : name);
    json.raw(",\"messageMetadata\":{\"turn\":").quoted(event.turn());
    json.raw(",\"session\":").quoted(event.session());
    json.raw(",\"createdAt\":").number(event.atMillis()).raw('}');
    opening = json.raw('}').take();
    out.data(opening);
  }

  private boolean begin(long seq, AttemptStarted event, Out out) {
    end = null;
    skipping = known.isVoid(seq);
    if (skipping) {
      return true;
    }
    model = event.model();
    attempt = event.attempt();
    if (event.step() > step) {
      endStep(out);
      inStep = true;
      end(chunk("start-step"), out);
    } else if (event.step() < step || (shown && attempts == Attempts.CUT)) {
      // A client can forget the step that it is in, and no earlier one.
      return false;
    } else if (shown) {
      end(chunk("reset-step"), out);
    }
    step = event.step();
    open.clear();
    shown = false;
    return true;
  }

  private void part(PartKind kind, String what, int part, @Nullable String text, Out out) {
    String type =
        switch (kind) {
          case TEXT -> "text";
          case REASONING -> "reasoning";
        };
    LineBuffer json = chunk(type + what).raw(",\"id\":\"").number(step).raw('.');
    json.number(attempt).raw('.').number(part).raw('"');
    if (text != null) {
      json.raw(",\"delta\":").quoted(text);
    }
    end(json, out);
  }

  private void source(SourceUsed event, Out out) {
    if (event.lane() == LANE && !skipping) {
      shown = true;
      out.data(Json.text(UiSources.part(event.source())).getBytes(UTF_8));
    }
  }

  private void called(ToolCalled event, Out out) {
    if (event.lane() == LANE && !skipping) {
      shown = true;
      calls.add(event.call());
      LineBuffer json = call("tool-input-available", event.call());
      json.raw(",\"toolName\":").quoted(event.tool());
      end(json.raw(",\"input\":").json(event.input()), out);
    }
  }

  private void waiting(ToolWaiting event, Out out) {
    boolean asks =
        switch (event.waitsFor()) {
          case APPROVAL, ATTENTION -> true;
          case CLIENT, INPUT, TIME -> false;
        };
    if (asks && calls.contains(event.call())) {
      approvals.add(event.call());
      LineBuffer json = call("tool-approval-request", event.call());
      end(json.raw(",\"approvalId\":").quoted(event.call()), out);
    }
  }

  private void decided(ToolDecided event, Out out) {
    if (!approvals.remove(event.call())) {
      return;
    }
    Decision decision = event.decision();
    boolean approved = decision == Decision.APPROVE || decision == Decision.REPEAT;
    LineBuffer json = chunk("tool-approval-response").raw(",\"approvalId\":").quoted(event.call());
    json.raw(approved ? ",\"approved\":true" : ",\"approved\":false");
    if (event.reason() != null) {
      json.raw(",\"reason\":").quoted(event.reason());
    }
    end(json, out);
    if (decision == Decision.REFUSE || decision == Decision.EXPIRED) {
      calls.remove(event.call());
      end(call("tool-output-denied", event.call()), out);
    }
  }

  private void returned(ToolReturned event, Out out) {
    if (event.lane() != LANE || !calls.remove(event.call())) {
      return;
    }
    if (event.error() == null) {
      String output = event.output() == null ? "null" : event.output();
      end(call("tool-output-available", event.call()).raw(",\"output\":").json(output), out);
    } else {
      String text = event.error().text();
      end(call("tool-output-error", event.call()).raw(",\"errorText\":").quoted(text), out);
    }
  }

  private static LineBuffer call(String type, String call) {
    return chunk(type).raw(",\"toolCallId\":").quoted(call);
  }

  /** Transient, so that it reaches {@code onData} and is no part of the message. */
  private static void notice(Notice event, Out out) {
    LineBuffer json = chunk("data-notice").raw(",\"data\":{\"code\":").quoted(event.code());
    json.raw(",\"text\":").quoted(event.text()).raw("},\"transient\":true");
    end(json, out);
  }

  private void finish(TurnEnded event, Out out) {
    LaneState state =
        switch (event.state()) {
          case CANCELLED -> LaneState.CANCELLED;
          case COMPLETED -> LaneState.COMPLETED;
          case FAILED, QUEUED, SCHEDULED, RUNNING, WAITING -> LaneState.FAILED;
        };
    finish(end == null ? new LaneEnded(LANE, state, null, null) : end, event.error(), out);
  }

  private void finish(LaneEnded lane, @Nullable TurnError otherwise, Out out) {
    open.forEach((part, kind) -> part(kind, "-end", part, null, out));
    switch (lane.state()) {
      case COMPLETED -> {
        endStep(out);
        LineBuffer json =
            chunk("finish").raw(",\"finishReason\":").quoted(finishReason(lane.finish()));
        end(metadata(json), out);
      }
      case CANCELLED -> {
        end(metadata(chunk("message-metadata")), out);
        end(chunk("abort").raw(",\"reason\":\"cancelled\""), out);
      }
      case FAILED, PENDING, STREAMING, WAITING -> {
        @Nullable TurnError error = lane.error() != null ? lane.error() : otherwise;
        String text = error == null ? "The reply failed. Try again." : error.text();
        end(metadata(chunk("message-metadata")), out);
        end(chunk("error").raw(",\"errorText\":").quoted(text), out);
      }
    }
    out.done();
  }

  private static String finishReason(@Nullable FinishReason reason) {
    return switch (reason == null ? FinishReason.OTHER : reason) {
      case STOP -> "stop";
      case LENGTH -> "length";
      case CONTENT_FILTER -> "content-filter";
      case TOOL_CALLS -> "tool-calls";
      case OTHER -> "other";
    };
  }

  /** The names are those of the AI SDK's {@code LanguageModelUsage}. */
  private LineBuffer metadata(LineBuffer json) {
    json.raw(",\"messageMetadata\":{\"model\":").quoted(model);
    json.raw(",\"usage\":{\"inputTokens\":").number(usage.input());
    json.raw(",\"outputTokens\":").number(usage.output());
    json.raw(",\"totalTokens\":").number(usage.input() + usage.output());
    json.raw(",\"reasoningTokens\":").number(usage.reasoning());
    return json.raw(",\"cachedInputTokens\":").number(usage.cached()).raw("}}");
  }

  private static LineBuffer chunk(String type) {
    return new LineBuffer().raw("{\"type\":\"").raw(type).raw('"');
  }

  private static void end(LineBuffer json, Out out) {
    out.data(json.raw('}').take());
  }
}
