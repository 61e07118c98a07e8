package dev.perdure.engine;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.CallState;
import dev.perdure.chat.ToolCallRow;
import dev.perdure.chat.ToolCalls;
import dev.perdure.db.Tx;
import dev.perdure.engine.LaneControl.Stop;
import dev.perdure.engine.ToolThreads.Made;
import dev.perdure.log.TurnWriter;
import dev.perdure.protocol.Decision;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent.ToolCalled;
import dev.perdure.protocol.TurnEvent.ToolDecided;
import dev.perdure.protocol.TurnEvent.ToolReturned;
import dev.perdure.protocol.TurnEvent.ToolWaiting;
import dev.perdure.protocol.TurnFold.CallSnapshot;
import dev.perdure.protocol.TurnFold.StepSnapshot;
import dev.perdure.protocol.WaitFor;
import dev.perdure.testing.FaultPoints.Point;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.ToolException;
import dev.perdure.tool.WaitingTool;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/**
 * The calls of tools of one step, side by side: each is brought to its end, or to where it waits
 * for somebody. Before a tool is started its row in the ledger says so, and what comes of it is
 * stored there before the log tells of it; so after a crash the row says how far the call had come,
 * and only a tool that may be repeated is.
 */
final class ToolStep {
  /** How a step, or one call of it, came out. The later ones win. */
  enum Outcome {
    DONE,
    WAITING,
    STOPPED
  }

  private final LaneWork work;
  private final Offer offer;
  private final StepSnapshot step;
  private final TurnWriter writer;
  private final Patience patience;
  private final ToolThreads threads;
  private final int lane;

  ToolStep(LaneWork work, Offer offer, StepSnapshot step) {
    this.work = work;
    this.offer = offer;
    this.step = step;
    this.writer = work.writer();
    this.patience = work.patience();
    this.threads = new ToolThreads(work.parts().timers());
    this.lane = work.lane();
  }

  Outcome run() {
    List<CallSnapshot> open = step.calls().stream().filter(c -> c.returned() == null).toList();
    if (open.isEmpty()) {
      return Outcome.DONE;
    }
    // What is not durable would be asked for again after a crash, under another id.
    writer.awaitDurable();
    @Nullable Boolean cancelAsked =
        patience.until(() -> work.queue().cancelAsked(work.turn().id(), lane));
    if (Boolean.TRUE.equals(cancelAsked)) {
      work.control().stop(Stop.CANCELLED);
    }
    if (!work.control().attach(threads::stop)) {
      return Outcome.STOPPED;
    }
    try {
      return open.size() == 1 ? settle(open.getFirst()) : settleAll(open);
    } finally {
      work.control().detach();
    }
  }

  private Outcome settleAll(List<CallSnapshot> open) {
    List<CompletableFuture<Outcome>> calls = new ArrayList<>();
    for (CallSnapshot call : open) {
      calls.add(
          CompletableFuture.supplyAsync(
              () -> settle(call),
              task -> Thread.ofVirtual().name("call-" + call.asked().call()).start(task)));
    }
    Outcome worst = Outcome.DONE;
    @Nullable RuntimeException failure = null;
    for (CompletableFuture<Outcome> call : calls) {
      try {
        Outcome one = call.join();
        worst = one.compareTo(worst) > 0 ? one : worst;
      } catch (CompletionException e) {
        failure =
            e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e);
      }
    }
    if (failure != null) {
      throw failure;
    }
    return worst;
  }

  private Outcome settle(CallSnapshot call) {
    @Nullable Looked looked =
        patience.until(
            () -> work.parts().database().read(tx -> new Looked(find(tx, call).orElse(null))));
    if (looked == null) {
      return Outcome.STOPPED;
    }
    return looked.row == null ? begin(call) : goOn(call, looked.row);
  }

  private record Looked(@Nullable ToolCallRow row) {}

  private Optional<ToolCallRow> find(Tx tx, CallSnapshot call) throws SQLException {
    return ToolCalls.find(tx, work.turn().id(), call.asked().call());
  }

  private Outcome begin(CallSnapshot call) {
    ToolCalled asked = call.asked();
    @Nullable TurnError fault = offer.fault(asked, step.calls().indexOf(call), this::callsBefore);
    if (fault != null) {
      return returned(asked, null, fault);
    }
    @Nullable Tool tool = offer.tool(asked).orElse(null);
    if (tool instanceof WaitingTool waits) {
      return beginWait(call, waits);
    }
    CallState state =
        tool == null
            ? CallState.CLIENT
            : offer.asks(tool, asked) ? CallState.APPROVAL : CallState.INTENT;
    ToolCalls.NewCall fresh =
        new ToolCalls.NewCall(
            asked.call(),
            work.turn().id(),
            lane,
            step.step(),
            asked.tool(),
            (tool == null ? Effect.UNSAFE : tool.spec().effect()).wire(),
            ToolCalls.hash(asked.input()),
            state,
            state.waits() ? work.parts().tools().limits().answerWithin().toMillis() : null,
            tool != null && tool.compensation().isPresent() ? asked.input() : null);
    @Nullable ToolCallRow row =
        work.held(tx -> {
          // It is there if the answer to an earlier try was lost.
          Optional<ToolCallRow> before = find(tx, call);
          return before.isPresent() ? before.get() : ToolCalls.open(tx, fresh);
        });
    if (row == null) {
      return Outcome.STOPPED;
    }
    return row.state() == CallState.INTENT ? make(call, row) : goOn(call, row);
  }

  /** How many calls the reply has made in earlier steps. */
  private int callsBefore() {
    return work.now().steps().stream()
        .filter(earlier -> earlier.step() < step.step())
        .mapToInt(earlier -> earlier.calls().size())
        .sum();
  }

  /** A call that waits, or what the model has got wrong; one of the two. */
  private record Begun(@Nullable ToolCallRow row, @Nullable String fault) {}

  /** Stores what a call waits for that nobody makes. */
  private Outcome beginWait(CallSnapshot call, WaitingTool tool) {
    ToolCalled asked = call.asked();
    @Nullable Begun begun = work.held(tx -> beginWait(tx, call, tool));
    if (begun == null) {
      return Outcome.STOPPED;
    }
    if (begun.row == null) {
      String fault = begun.fault == null ? "They make no sense." : begun.fault;
      return returned(asked, null, new TurnError("invalid_arguments", fault, false));
    }
    return goOn(call, begun.row);
  }

  private Begun beginWait(Tx tx, CallSnapshot call, WaitingTool tool) throws SQLException {
    Optional<ToolCallRow> before = find(tx, call);
    if (before.isPresent()) {
      return new Begun(before.get(), null);
    }
    ToolCalled asked = call.asked();
    Instant now = Instant.ofEpochMilli(tx.now());
    WaitingTool.Wait wait;
    try {
      wait = tool.begin(Json.trusted(asked.input()), now);
    } catch (ToolException e) {
      return new Begun(null, e.getMessage());
    }
    ToolCallRow opened =
        ToolCalls.open(
            tx,
            new ToolCalls.NewCall(
                asked.call(),
                work.turn().id(),
                lane,
                step.step(),
                asked.tool(),
                Effect.READ.wire(),
                ToolCalls.hash(asked.input()),
                wait.kind() == WaitFor.TIME ? CallState.TIME : CallState.INPUT,
                Math.max(0, wait.until().toEpochMilli() - now.toEpochMilli()),
                null));
    if (wait.accepts() != null) {
      ToolCalls.accepts(tx, asked.call(), Json.text(wait.accepts()));
    }
    return new Begun(opened, null);
  }

  /** The time that the call waited for has come, or has been there at once. */
  private Outcome over(CallSnapshot call, ToolCallRow row) {
    String id = call.asked().call();
    String output =
        Json.text(
            Json.MAPPER
                .createObjectNode()
                .put("now", Instant.ofEpochMilli(row.nowMillis()).toString()));
    @Nullable Boolean stored =
        work.held(tx ->
            ToolCalls.finish(tx, id, CallState.TIME, output, null)
                || find(tx, call).filter(now -> now.state() != CallState.TIME).isPresent());
    return Boolean.TRUE.equals(stored) ? returned(call.asked(), output, null) : Outcome.STOPPED;
  }

  /** Goes on where the row says that the call is. */
  private Outcome goOn(CallSnapshot call, ToolCallRow row) {
    ToolCalled asked = call.asked();
    return switch (row.state()) {
      case APPROVAL, CLIENT, INPUT -> row.expired() ? expire(call, row) : waiting(call, row);
      case TIME -> row.expired() ? over(call, row) : waiting(call, row);
      case ATTENTION -> waiting(call, row);
      case APPROVED, REPEAT -> {
        decided(call, row.state() == CallState.REPEAT ? Decision.REPEAT : Decision.APPROVE, row);
        // From a row that is past it nobody could tell what was decided.
        writer.awaitDurable();
        yield move(call, row, CallState.INTENT) ? make(call, row) : Outcome.STOPPED;
      }
      case REFUSED -> {
        decided(call, Decision.REFUSE, row);
        yield returned(asked, null, refused(row));
      }
      case EXPIRED -> {
        decided(call, Decision.EXPIRED, row);
        yield returned(asked, null, expired());
      }
      case SUPERSEDED -> superseded(call);
      case INTENT -> cutShort(call, row);
      case DONE, FAILED -> {
        decided(call, row.state() == CallState.DONE ? Decision.DONE : Decision.FAIL, row);
        yield returned(asked, row.output(), row.error());
      }
      case ABANDONED ->
          returned(asked, null, new TurnError("abandoned", "The call was given up.", false));
    };
  }

  /** Goes on with the call that somebody has put in the place of this one. */
  private Outcome superseded(CallSnapshot call) {
    ToolCalled asked = call.asked();
    @Nullable ToolCallRow row =
        patience.until(() ->
            work.parts()
                .database()
                .read(tx -> ToolCalls.successor(tx, work.turn().id(), asked.call()).orElseThrow()));
    if (row == null) {
      return Outcome.STOPPED;
    }
    // After a crash the log may tell of it; then it is settled beside this one.
    boolean told = step.calls().stream().anyMatch(c -> c.asked().call().equals(row.id()));
    String input = requireNonNull(row.input(), "a changed call has its arguments");
    ToolCalled next =
        new ToolCalled(lane, asked.attempt(), row.id(), asked.tool(), input, null, asked.call());
    if (!told) {
      writer.append(next);
    }
    returned(
        asked,
        null,
        new TurnError(
            "superseded",
            "The user has changed the arguments; the call " + row.id() + " is made instead.",
            false));
    return told ? Outcome.DONE : goOn(new CallSnapshot(next, null, null), row);
  }

  /** A holder of the turn died, or let it go, between the start of the tool and its result. */
  private Outcome cutShort(CallSnapshot call, ToolCallRow row) {
    if (Effect.of(row.effect()).repeatable()) {
      return move(call, row, CallState.INTENT) ? make(call, row) : Outcome.STOPPED;
    }
    return attention(call, row);
  }

  private Outcome attention(CallSnapshot call, ToolCallRow row) {
    if (!move(call, row, CallState.ATTENTION)) {
      return Outcome.STOPPED;
    }
    work.metrics().tool("attention");
    return wait(call, WaitFor.ATTENTION, null, null);
  }

  private Outcome expire(CallSnapshot call, ToolCallRow row) {
    if (!move(call, row, CallState.EXPIRED)) {
      return work.control().stopped() == Stop.NONE ? settle(call) : Outcome.STOPPED;
    }
    decided(call, Decision.EXPIRED, row);
    return returned(call.asked(), null, expired());
  }

  /** Starts the tool, whose row says so, and stores what comes of it. */
  private Outcome make(CallSnapshot call, ToolCallRow row) {
    ToolCalled asked = call.asked();
    @Nullable Tool tool = offer.tool(asked).orElse(null);
    if (tool == null) {
      return store(call, null, offer.fault(asked));
    }
    Tool.Input input =
        new Tool.Input(
            Json.trusted(asked.input()),
            asked.call(),
            work.owner().tenant(),
            work.owner().owner(),
            work.turn().id());
    for (int run = 1; ; run++) {
      work.parts().faults().at(Point.TOOL_INTENT);
      Made made = threads.make(tool.spec(), () -> tool.run(input));
      work.parts().faults().at(Point.TOOL_MADE);
      switch (made) {
        case Made.Stopped ignored -> {
          return Outcome.STOPPED;
        }
        case Made.Output output -> {
          return store(call, tool, output.json());
        }
        case Made.Unfit unfit -> {
          return leftOut(
              call,
              tool,
              "The result of '" + tool.spec().name() + "' is left out: " + unfit.why() + ".");
        }
        case Made.Failed failed -> {
          return store(call, null, failed.error());
        }
        case Made.Unknown unknown -> {
          if (!Effect.of(row.effect()).repeatable()) {
            return attention(call, row);
          }
          if (run >= tool.spec().retry().tries()) {
            return store(call, null, unknown.error());
          }
          if (!threads.pause(tool.spec().retry().behind(run))
              || !move(call, row, CallState.INTENT)) {
            return Outcome.STOPPED;
          }
        }
      }
    }
  }

  private Outcome store(CallSnapshot call, Tool tool, JsonNode output) {
    String json = Json.text(output);
    int max = work.parts().tools().limits().maxResultChars();
    if (json.length() <= max) {
      return store(call, json, null);
    }
    return leftOut(
        call,
        tool,
        "The result of '"
            + tool.spec().name()
            + "' has "
            + json.length()
            + " characters, of which at most "
            + max
            + " are kept; it is left out.");
  }

  private Outcome leftOut(CallSnapshot call, Tool tool, String text) {
    // Of a call with an effect it must not look as if it had failed.
    return tool.spec().effect() == Effect.READ
        ? store(call, null, new TurnError("result_too_large", text + " Ask for less.", false))
        : store(call, Json.text(Json.MAPPER.getNodeFactory().textNode("Done. " + text)), null);
  }

  private Outcome store(CallSnapshot call, @Nullable String output, @Nullable TurnError error) {
    String id = call.asked().call();
    @Nullable Boolean stored =
        work.held(tx ->
            ToolCalls.finish(tx, id, CallState.INTENT, output, error)
                // Or an earlier try has stored it after all.
                || find(tx, call).filter(now -> now.state() != CallState.INTENT).isPresent());
    if (!Boolean.TRUE.equals(stored)) {
      return Outcome.STOPPED;
    }
    work.parts().faults().at(Point.TOOL_STORED);
    work.metrics().tool(error == null ? "done" : "failed");
    return returned(call.asked(), output, error);
  }

  private Outcome waiting(CallSnapshot call, ToolCallRow row) {
    WaitFor what =
        switch (row.state()) {
          case APPROVAL -> WaitFor.APPROVAL;
          case CLIENT -> WaitFor.CLIENT;
          case ATTENTION -> WaitFor.ATTENTION;
          case TIME -> WaitFor.TIME;
          case INPUT -> WaitFor.INPUT;
          case APPROVED, REFUSED, SUPERSEDED, INTENT, REPEAT, DONE, FAILED, EXPIRED, ABANDONED ->
              throw new IllegalStateException("Nobody is waited for in " + row.state());
        };
    return wait(
        call,
        what,
        row.state() == CallState.APPROVAL ? row.inputHash() : null,
        row.state() == CallState.ATTENTION ? null : row.expiresAtMillis());
  }

  private Outcome wait(
      CallSnapshot call, WaitFor what, @Nullable String inputHash, @Nullable Long until) {
    @Nullable ToolWaiting told = call.waiting();
    if (told == null || told.waitsFor() != what) {
      writer.append(new ToolWaiting(lane, call.asked().call(), what, inputHash, until));
    }
    return Outcome.WAITING;
  }

  /** Tells of a decision, if the log tells of the question. */
  private void decided(CallSnapshot call, Decision decision, ToolCallRow row) {
    @Nullable ToolWaiting told = call.waiting();
    boolean tells = decision != Decision.DONE && decision != Decision.FAIL;
    if (told != null && (tells || asksForWord(told.waitsFor()))) {
      writer.append(new ToolDecided(lane, call.asked().call(), decision, row.reason()));
    }
  }

  /** Whether the answer is a word about the call; else it is the call's result. */
  private static boolean asksForWord(WaitFor what) {
    return what == WaitFor.APPROVAL || what == WaitFor.ATTENTION;
  }

  private Outcome returned(ToolCalled asked, @Nullable String output, @Nullable TurnError error) {
    writer.append(new ToolReturned(lane, asked.call(), output, error));
    return Outcome.DONE;
  }

  private static TurnError refused(ToolCallRow row) {
    return new TurnError(
        "refused",
        "The user refused this call." + (row.reason() == null ? "" : " Reason: " + row.reason()),
        false);
  }

  private static TurnError expired() {
    return new TurnError("expired", "Nobody answered in time; the call was not made.", false);
  }

  /** Moves the row on; false if the lane must stop, or somebody else was quicker. */
  private boolean move(CallSnapshot call, ToolCallRow row, CallState to) {
    String id = call.asked().call();
    @Nullable Boolean moved =
        work.held(tx -> {
          Optional<ToolCallRow> now = find(tx, call);
          CallState from = now.map(ToolCallRow::state).orElse(row.state());
          // It is there already if the answer to an earlier try was lost.
          boolean there = from == to && row.state() != to;
          return there || (from == row.state() && ToolCalls.move(tx, id, from, to));
        });
    return Boolean.TRUE.equals(moved);
  }
}
