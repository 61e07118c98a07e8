package dev.perdure.chat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.db.Database;
import dev.perdure.db.Signals.Topic;
import dev.perdure.db.Tx;
import dev.perdure.protocol.Decision;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnError;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Where answers to waiting calls of tools are accepted: each in one transaction, in which only the
 * first one counts. Thread-safe.
 */
public final class AnswerDesk {
  private final Database database;
  private final Ids ids;
  private final InputCheck check;
  private final Check answers;

  /** What is wrong with arguments that somebody has changed. */
  @FunctionalInterface
  public interface InputCheck {
    /** Empty if nothing is. */
    Optional<String> fault(String tool, JsonNode input);
  }

  /** What is wrong with an answer, by the JSON Schema that it must fit. */
  @FunctionalInterface
  public interface Check {
    /** Empty if nothing is. */
    Optional<String> fault(JsonNode schema, JsonNode answer);
  }

  public AnswerDesk(Database database, Ids ids, InputCheck check, Check answers) {
    this.database = database;
    this.ids = ids;
    this.answers = answers;
    this.check = check;
  }

  private record Accepted(Turn turn, boolean woken) {}

  /**
   * Takes an answer and lets the turn go on. Returns the turn as it then stands.
   *
   * @throws PerdureException NOT_FOUND; CONFLICT if the call does not wait for such an answer, has
   *     been answered, or waits no more; INVALID_REQUEST
   */
  public Turn answer(Caller caller, String turn, Answer answer) {
    Accepted done =
        database.write(tx -> {
          Locks.lockTurn(tx, caller, turn);
          ToolCallRow call =
              ToolCalls.find(tx, turn, answer.call())
                  .orElseThrow(() -> PerdureException.notFound("call", answer.call()));
          decide(tx, call, answer);
          boolean woken = Locks.wake(tx, turn);
          return new Accepted(Conversations.turn(tx, caller, turn), woken);
        });
    database.signals().publish(done.woken ? Topic.QUEUE : Topic.TURN, List.of(turn));
    return done.turn;
  }

  /**
   * Takes several answers at once, so that the turn goes on with all of them. One whose call is
   * waited for no more changes nothing: the first answer counts.
   *
   * @throws PerdureException NOT_FOUND; CONFLICT, INVALID_REQUEST as {@link #answer}
   */
  public Turn answerAll(Caller caller, String turn, List<Answer> answers) {
    Accepted done =
        database.write(tx -> {
          Locks.lockTurn(tx, caller, turn);
          boolean any = false;
          for (Answer answer : answers) {
            ToolCallRow call =
                ToolCalls.find(tx, turn, answer.call())
                    .orElseThrow(() -> PerdureException.notFound("call", answer.call()));
            if (call.state().waits() && !call.expired()) {
              decide(tx, call, answer);
              any = true;
            }
          }
          boolean woken = any && Locks.wake(tx, turn);
          return new Accepted(Conversations.turn(tx, caller, turn), woken);
        });
    database.signals().publish(done.woken ? Topic.QUEUE : Topic.TURN, List.of(turn));
    return done.turn;
  }

  private void decide(Tx tx, ToolCallRow call, Answer answer) throws SQLException {
    if (!call.state().waits()) {
      throw conflict(call, "is not waited for any more: it is " + outcome(call));
    }
    if (call.expired()) {
      throw conflict(call, "has expired: it is not made, and the model is told");
    }
    if (answer.inputHash() != null && !answer.inputHash().equals(call.inputHash())) {
      throw conflict(
          call, "has other arguments than those decided about: their hash is " + call.inputHash());
    }
    CallState to = state(call, answer.decision());
    if (call.state() == CallState.INPUT && to == CallState.DONE) {
      checkInput(tx, call, answer);
    }
    if (answer.input() != null) {
      edit(tx, call, answer.input(), answer.text());
      return;
    }
    @Nullable String output = answer.output() == null ? null : Json.text(answer.output());
    @Nullable TurnError error =
        to == CallState.FAILED
            ? new TurnError(
                "tool_failed",
                answer.text() == null ? "It was decided that the call has failed." : answer.text(),
                false)
            : null;
    if (to == CallState.DONE && output == null) {
      output = Json.text(Json.MAPPER.getNodeFactory().textNode("Done."));
    }
    ToolCalls.decide(tx, call.id(), call.state(), to, output, error, answer.text());
  }

  /** Says yes to other arguments: that is another call, which takes the place of this one. */
  private void edit(Tx tx, ToolCallRow call, JsonNode edited, @Nullable String reason)
      throws SQLException {
    Optional<String> fault =
        edited.isObject()
            ? check.fault(call.tool(), edited)
            : Optional.of("they are not an object of JSON");
    if (fault.isPresent()) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "The arguments in 'input' do not fit the schema of '"
              + call.tool()
              + "': "
              + fault.get()
              + ". The call waits as before; send others.");
    }
    ToolCalls.supersede(tx, call, ids.call(), Json.text(Json.clean(edited)), reason);
  }

  private void checkInput(Tx tx, ToolCallRow call, Answer answer) throws SQLException {
    JsonNode output = answer.output();
    if (output == null || output.isNull()) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST, "'output' is missing. Send the answer to the question.");
    }
    Optional<String> schema = ToolCalls.accepts(tx, call.id());
    if (schema.isPresent()) {
      Optional<String> fault = answers.fault(Json.trusted(schema.get()), output);
      if (fault.isPresent()) {
        throw new PerdureException(
            ErrorCode.INVALID_REQUEST,
            "'output' is no answer to the question: "
                + fault.get()
                + ". It must fit "
                + schema.get());
      }
    }
  }

  private static CallState state(ToolCallRow call, Decision decision) {
    @Nullable CallState to =
        switch (decision) {
          case APPROVE -> call.state() == CallState.APPROVAL ? CallState.APPROVED : null;
          case REFUSE ->
              call.state() == CallState.APPROVAL || call.state() == CallState.INPUT
                  ? CallState.REFUSED
                  : null;
          case REPEAT -> call.state() == CallState.ATTENTION ? CallState.REPEAT : null;
          case DONE ->
              call.state() == CallState.APPROVAL || call.state() == CallState.TIME
                  ? null
                  : CallState.DONE;
          case FAIL ->
              call.state() == CallState.CLIENT || call.state() == CallState.ATTENTION
                  ? CallState.FAILED
                  : null;
          case EXPIRED -> null;
        };
    if (to == null) {
      String possible =
          switch (call.state()) {
            case APPROVAL -> "approve, refuse";
            case CLIENT -> "done, fail";
            case INPUT -> "done, refuse";
            case TIME -> "none; the turn can be moved or cancelled";
            default -> "done, repeat, fail";
          };
      throw conflict(
          call,
          "waits for another answer than '" + decision.wire() + "'. Possible are: " + possible);
    }
    return to;
  }

  private static String outcome(ToolCallRow call) {
    return call.state().wire()
        + (call.decidedAtMillis() == null ? "" : ", decided at " + call.decidedAtMillis())
        + (call.reason() == null ? "" : " (" + call.reason() + ")");
  }

  private static PerdureException conflict(ToolCallRow call, String why) {
    return new PerdureException(ErrorCode.CONFLICT, "The call '" + call.id() + "' " + why + ".");
  }
}
