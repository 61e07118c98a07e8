package dev.perdure.chat;

import static java.util.Objects.requireNonNull;

import dev.perdure.chat.Starter.Seat;
import dev.perdure.chat.Turn.Lane;
import dev.perdure.db.Database;
import dev.perdure.db.Signals.Topic;
import dev.perdure.db.Tx;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnState;
import dev.perdure.testing.FaultPoints;
import dev.perdure.testing.FaultPoints.Point;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Where every request to change something is accepted: each method is one transaction, and what it
 * returns is already durable. A running generation is reached only through the rows written here.
 * Thread-safe.
 *
 * <p>Whoever changes the open turns of a session locks the session's row first, so that two
 * messages to one session are put into one order by the database and not by an index violation.
 */
public final class Desk {
  /** The reasons that {@code cancelled_by} may hold. */
  static final String BY_CALLER = "caller";

  static final String BY_INTERRUPT = "interrupted";

  private final Database database;
  private final TurnLog log;
  private final Starter starter;
  private final Ids ids;
  private final TurnInsert insert;
  private final Admission admission;
  private final FaultPoints faults;

  /** A desk that knows no limit but that of each caller's open turns. */
  public Desk(Database database, TurnLog log, Starter starter, Ids ids, DeskLimits limits) {
    this(database, log, starter, ids, new Admission(database, limits), FaultPoints.NONE);
  }

  public Desk(
      Database database,
      TurnLog log,
      Starter starter,
      Ids ids,
      Admission admission,
      FaultPoints faults) {
    this.database = database;
    this.log = log;
    this.starter = starter;
    this.ids = ids;
    this.insert = new TurnInsert(log, ids, admission.limits());
    this.admission = admission;
    this.faults = faults;
  }

  /** Opens a session. */
  public Session createSession(Caller caller, Session.Settings settings) {
    String id = ids.session();
    return database.write(tx -> {
      tx.update(
          """
          INSERT INTO session (id, tenant, owner, title, instructions, metadata, tools, output,
                               tool_limits, created_at, updated_at)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, {now}, {now})\
          """,
          id,
          caller.tenant(),
          caller.owner(),
          settings.title(),
          settings.instructions(),
          Rows.textsOrNull(settings.metadata()),
          Rows.jsonOrNull(settings.tools()),
          Rows.jsonOrNull(settings.output()),
          Rows.toolLimitsOrNull(settings.toolLimits()));
      return Conversations.session(tx, caller, id);
    });
  }

  /**
   * Changes what the caller has said of a session.
   *
   * @param change from the settings as they are to what they shall be
   */
  public Session changeSession(
      Caller caller, String session, UnaryOperator<Session.Settings> change) {
    return database.write(tx -> {
      Locks.lockSession(tx, caller, session);
      Session.Settings settings =
          change.apply(Conversations.session(tx, caller, session).settings());
      tx.update(
          """
          UPDATE session SET title = ?, instructions = ?, metadata = ?, tools = ?, output = ?,
                 tool_limits = ?
           WHERE id = ?\
          """,
          settings.title(),
          settings.instructions(),
          Rows.textsOrNull(settings.metadata()),
          Rows.jsonOrNull(settings.tools()),
          Rows.jsonOrNull(settings.output()),
          Rows.toolLimitsOrNull(settings.toolLimits()),
          session);
      return Conversations.session(tx, caller, session);
    });
  }

  /**
   * Deletes a session with its messages, turns and logs. Writers of its open turns are fenced off
   * by the rows being gone, and told so; what tools have done for their replies is undone.
   */
  public void deleteSession(Caller caller, String session) {
    gone(caller, database.write(tx -> Deletions.session(tx, log, caller, session)));
  }

  /**
   * Deletes the session of a turn if there is nothing else in it: no other turn, be it for later,
   * no schedule, document or link, no message that was added later, and nothing said of itself.
   * Returns whether it did.
   *
   * @throws PerdureException NOT_FOUND
   */
  public boolean deleteIfAlone(Caller caller, String turn) {
    List<String> turns = database.write(tx -> Deletions.sessionOf(tx, log, caller, turn));
    if (!turns.isEmpty()) {
      gone(caller, turns);
    }
    return !turns.isEmpty();
  }

  private void gone(Caller caller, List<String> turns) {
    signal(Topic.TURN, turns);
    signal(Topic.LOG, turns);
    signalOwner(caller);
    // A group commit that had passed its fence before the rows were gone may still have landed.
    database.write(tx -> {
      List<@Nullable Object[]> ids = new ArrayList<>();
      turns.forEach(turn -> ids.add(new Object[] {turn}));
      return tx.batch("DELETE FROM log_block WHERE turn_id = ?", ids);
    });
  }

  /**
   * Accepts a message: user message, turn, lanes with their pending assistant messages, the first
   * event of the log and the idempotency record commit together. Repeating a key with the same body
   * returns the turn accepted at first. A message to a session whose turn waits for the answer to a
   * question is that answer, unless it interrupts; the turn that asked is returned.
   *
   * @throws PerdureException NOT_FOUND, SESSION_BUSY, IDEMPOTENCY_CONFLICT, TOO_MANY_TURNS,
   *     SERVER_BUSY
   */
  public Turn submit(Caller caller, String session, NewTurn message, @Nullable IdempotencyKey key) {
    String id = ids.turn();
    return accept(
        caller,
        id,
        session,
        key,
        (tx, node, entry) -> {
          Session.Settings settings = Locks.sessionSettings(tx, caller, session);
          Optional<Turn> earlier = Replays.replay(tx, caller, key, id);
          if (earlier.isPresent()) {
            return Accepted.replayed(earlier.get());
          }
          List<Locks.OpenTurn> open = Locks.openTurns(tx, session);
          Accepted accepted = new Accepted();
          Optional<Questions.Answered> answered =
              open.isEmpty() || message.whenBusy() == NewTurn.WhenBusy.INTERRUPT
                  ? Optional.empty()
                  : Questions.answer(tx, caller, ids, session, message);
          if (answered.isPresent()) {
            return answered(tx, caller, answered.get(), key, id);
          }
          entry.require();
          insert.checkRoom(tx, caller);
          switch (message.whenBusy()) {
            case REJECT -> {
              if (!open.isEmpty()) {
                throw new PerdureException(
                    ErrorCode.SESSION_BUSY,
                    "The session is still answering turn '"
                        + open.getFirst().id()
                        + "'. Wait for its end, cancel it, or send with whenBusy 'enqueue' or"
                        + " 'interrupt'.");
              }
            }
            case ENQUEUE -> {}
            case INTERRUPT -> {
              for (Locks.OpenTurn turn : open) {
                cancel(tx, turn, BY_INTERRUPT, accepted);
              }
            }
          }
          String holder = accepted.ended.size() == open.size() ? node : null;
          insert.insert(
              tx, caller, session, id, message.withDefaults(settings), holder, accepted.blocks);
          accepted.opened = true;
          accepted.started = holder != null;
          accepted.turn = Conversations.turn(tx, caller, id);
          return accepted;
        });
  }

  private static Accepted answered(
      Tx tx,
      Caller caller,
      Questions.Answered answered,
      @Nullable IdempotencyKey key,
      String claimed)
      throws SQLException {
    Accepted out = new Accepted();
    Replays.remember(tx, caller, key, claimed, answered.turn());
    out.intents.add(answered.turn());
    wake(tx, answered.turn(), out);
    out.turn = Conversations.turn(tx, caller, answered.turn()).withAnswered(answered.told());
    return out;
  }

  /**
   * Records the intent to cancel a turn; one that is queued ends here and now. Cancelling a turn
   * that has ended changes nothing. Returns the turn as it stands after the transaction.
   *
   * @throws PerdureException NOT_FOUND
   */
  public Turn cancelTurn(Caller caller, String turn) {
    Accepted done =
        log.write(tx -> {
          Accepted out = new Accepted();
          Locks.OpenTurn row = Locks.lockTurn(tx, caller, turn);
          cancel(tx, row, BY_CALLER, out);
          out.turn = Conversations.turn(tx, caller, turn);
          return out;
        });
    return finish(caller, done);
  }

  /** Cancels every open turn of a session and returns them as they then stand, oldest first. */
  public List<Turn> cancelSession(Caller caller, String session) {
    List<Turn> turns = new ArrayList<>();
    Accepted done =
        log.write(tx -> {
          turns.clear();
          Accepted out = new Accepted();
          Locks.lockSession(tx, caller, session);
          for (Locks.OpenTurn turn : Locks.openTurns(tx, session)) {
            cancel(tx, turn, BY_CALLER, out);
            turns.add(Conversations.turn(tx, caller, turn.id()));
          }
          return out;
        });
    announce(caller, done);
    return List.copyOf(turns);
  }

  /**
   * Records the intent to cancel one lane of an open turn; a lane or turn that has ended is left as
   * it is. The only lane of a turn that is queued ends with its turn.
   *
   * @throws PerdureException NOT_FOUND
   */
  public Turn cancelLane(Caller caller, String turn, int lane) {
    Accepted done =
        log.write(tx -> {
          Accepted out = new Accepted();
          Locks.OpenTurn row = Locks.lockTurn(tx, caller, turn);
          Turn before = Conversations.turn(tx, caller, turn);
          laneOf(before, lane);
          if (before.lanes().size() == 1) {
            cancel(tx, row, BY_CALLER, out);
          } else if (!row.state().terminal()) {
            tx.update(
                """
                UPDATE lane SET cancelled_by = COALESCE(cancelled_by, ?)
                 WHERE turn_id = ? AND lane = ?
                   AND state NOT IN ('completed', 'failed', 'cancelled')\
                """,
                BY_CALLER,
                turn,
                lane);
            out.intents.add(turn);
            wake(tx, turn, out);
          }
          out.turn = Conversations.turn(tx, caller, turn);
          return out;
        });
    return finish(caller, done);
  }

  /**
   * Asks for another reply in the place of a lane that has ended. While other lanes of its turn are
   * at work the lane itself starts anew; afterwards, and if the turn is being cancelled, a new turn
   * with that one lane answers the same user message. Returns the turn in which the retry happens.
   *
   * @throws PerdureException NOT_FOUND, CONFLICT if the lane has not ended, IDEMPOTENCY_CONFLICT,
   *     TOO_MANY_TURNS, SERVER_BUSY
   */
  public Turn retryLane(Caller caller, String turn, int lane, @Nullable IdempotencyKey key) {
    String id = ids.turn();
    return accept(
        caller,
        id,
        null,
        key,
        (tx, node, entry) -> {
          Locks.OpenTurn row = Locks.lockTurn(tx, caller, turn);
          Optional<Turn> earlier = Replays.replay(tx, caller, key, id);
          if (earlier.isPresent()) {
            return Accepted.replayed(earlier.get());
          }
          Turn old = Conversations.turn(tx, caller, turn);
          Lane ended = laneOf(old, lane);
          if (old.position() < 0 && old.state().terminal()) {
            throw new PerdureException(
                ErrorCode.CONFLICT,
                "The turn was cancelled before its time and never became part of the conversation."
                    + " Send the message again.");
          }
          if (!ended.state().terminal()) {
            throw new PerdureException(
                ErrorCode.CONFLICT,
                "Lane "
                    + lane
                    + " is still "
                    + ended.state().wire()
                    + ". Cancel it first, or wait for its end.");
          }
          Accepted accepted = new Accepted();
          if (!row.state().terminal() && !row.closing() && old.cancelledBy() == null) {
            tx.update(
                "UPDATE lane SET retry_asked = 1, cancelled_by = NULL WHERE turn_id = ? AND lane = ?",
                turn,
                lane);
            Replays.remember(tx, caller, key, id, turn);
            accepted.intents.add(turn);
            wake(tx, turn, accepted);
            accepted.turn = old;
            return accepted;
          }
          entry.require();
          insert.checkRoom(tx, caller);
          String holder = Locks.openTurns(tx, old.session()).isEmpty() ? node : null;
          insert.insertRetry(tx, caller, old, id, ended.model(), holder, accepted.blocks);
          accepted.opened = true;
          accepted.started = holder != null;
          accepted.turn = Conversations.turn(tx, caller, id);
          return accepted;
        });
  }

  /** What {@link #accept} runs in its transaction; {@code node} is null if it has no room. */
  @FunctionalInterface
  private interface Accepting {
    Accepted run(Tx tx, @Nullable String node, Admission.Entry entry) throws SQLException;
  }

  /**
   * @param asks the session whose question may be answered, which makes no turn; null for none
   */
  private Turn accept(
      Caller caller,
      String id,
      @Nullable String asks,
      @Nullable IdempotencyKey key,
      Accepting work) {
    @Nullable Seat seat = starter.seat().orElse(null);
    String node = seat == null ? null : seat.nodeId();
    boolean used = false;
    Admission.@Nullable Entry entry = null;
    try {
      Admission.Entry admitted = admit(caller, seat == null, asks, key);
      entry = admitted;
      Accepted done = log.write(tx -> work.run(tx, node, admitted));
      faults.at(Point.ACCEPTED);
      if (done.opened) {
        entry = null;
      }
      Turn turn = finish(caller, done);
      if (done.started && seat != null) {
        used = true;
        seat.start(id);
      } else if (turn.state() == TurnState.QUEUED) {
        signal(Topic.QUEUE, List.of(turn.id()));
      }
      return turn;
    } catch (PerdureException e) {
      if (e.code() == ErrorCode.TOO_MANY_TURNS || e.code() == ErrorCode.SERVER_BUSY) {
        admission.countRefused(caller);
      }
      throw e;
    } finally {
      if (entry != null) {
        entry.withdraw();
      }
      if (seat != null && !used) {
        seat.giveBack();
      }
    }
  }

  /** What may make no turn, as it was accepted before or is an answer, is not refused yet. */
  private Admission.Entry admit(
      Caller caller, boolean queues, @Nullable String asks, @Nullable IdempotencyKey key) {
    Admission.Entry entry = admission.enter(caller, queues);
    if (entry.refused()
        && !database.<Boolean>read(tx ->
            (key != null && Replays.known(tx, caller, key))
                || (asks != null && Questions.asks(tx, caller, asks)))) {
      entry.require();
    }
    return entry;
  }

  private void cancel(Tx tx, Locks.OpenTurn turn, String reason, Accepted out) throws SQLException {
    switch (turn.state()) {
      case QUEUED, WAITING, SCHEDULED -> {
        tx.update(
            "UPDATE turn SET cancelled_by = COALESCE(cancelled_by, ?) WHERE id = ?",
            reason,
            turn.id());
        out.blocks.add(Endings.endUnheld(tx, log, turn.id(), turn.state()));
        if (turn.state() == TurnState.SCHEDULED) {
          // What it would have said, and its hold on files.
          tx.update("DELETE FROM later_turn WHERE turn_id = ?", turn.id());
        }
        out.ended.add(turn.id());
      }
      case RUNNING -> {
        tx.update(
            "UPDATE turn SET cancelled_by = COALESCE(cancelled_by, ?) WHERE id = ?",
            reason,
            turn.id());
        out.intents.add(turn.id());
      }
      case COMPLETED, FAILED, CANCELLED -> {}
    }
  }

  private static void wake(Tx tx, String turn, Accepted out) throws SQLException {
    if (Locks.wake(tx, turn)) {
      out.woken.add(turn);
    }
  }

  private static Lane laneOf(Turn turn, int lane) {
    return turn.lanes().stream()
        .filter(l -> l.lane() == lane)
        .findFirst()
        .orElseThrow(() -> PerdureException.notFound("lane", turn.id() + "/" + lane));
  }

  private Turn finish(Caller caller, Accepted done) {
    announce(caller, done);
    return requireNonNull(done.turn, "turn is null");
  }

  private void announce(Caller caller, Accepted done) {
    log.published(done.blocks);
    signal(Topic.TURN, done.intents);
    if (!done.ended.isEmpty()) {
      signal(Topic.QUEUE, done.ended);
    }
    signal(Topic.QUEUE, done.woken);
    if (!done.blocks.isEmpty()) {
      signalOwner(caller);
    }
  }

  private void signal(Topic topic, List<String> keys) {
    if (!keys.isEmpty()) {
      database.signals().publish(topic, keys);
    }
  }

  private void signalOwner(Caller caller) {
    database.signals().publish(Topic.OWNER, List.of(caller.signalKey()));
  }
}
