package dev.perdure.engine;

import dev.perdure.chat.Admission;
import dev.perdure.chat.AnswerDesk;
import dev.perdure.chat.Caller;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.Desk;
import dev.perdure.chat.DeskLimits;
import dev.perdure.chat.IdempotencyKey;
import dev.perdure.chat.LaterTurns;
import dev.perdure.chat.Message.Part;
import dev.perdure.chat.NewTurn;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Session;
import dev.perdure.chat.ToolCalls;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.chat.WaitLimits;
import dev.perdure.context.ContextBuilder;
import dev.perdure.context.ContextJournal;
import dev.perdure.context.ContextSettings;
import dev.perdure.db.Database;
import dev.perdure.log.Follower;
import dev.perdure.log.LogBlock;
import dev.perdure.log.LogLimits;
import dev.perdure.log.LogLines;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.GenerationParams;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEventCodec;
import dev.perdure.provider.Providers;
import dev.perdure.retrieval.Retriever;
import dev.perdure.schedule.Schedules;
import dev.perdure.testing.FaultPoints;
import dev.perdure.tool.AskUserTool;
import dev.perdure.tool.Tools;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A node without sockets on a real database: desk, log, engine and a scripted provider. Pauses
 * between attempts are over at once; the turn's time limit never comes unless a test asks.
 */
final class EngineHarness implements AutoCloseable {
  static final Caller CALLER = new Caller("acme", "ann");

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  final Database database;
  final ScriptedProvider provider;
  final TurnLog log;
  final ContextJournal contexts;
  final Desk desk;
  final AnswerDesk answers;
  final ToolCalls calls;
  final Conversations conversations;
  final LaterTurns later;
  final Schedules schedules;
  final EngineParts parts;
  final Engine engine;
  final String nodeId;
  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();

  EngineHarness(Database database, ScriptedProvider provider) {
    this(database, provider, config(Duration.ofMinutes(5)));
  }

  EngineHarness(Database database, ScriptedProvider provider, Tools tools) {
    this(database, provider, config(Duration.ofMinutes(5)), tools);
  }

  EngineHarness(Database database, ScriptedProvider provider, EngineConfig config) {
    this(database, provider, config, Tools.NONE);
  }

  EngineHarness(Database database, ScriptedProvider provider, EngineConfig config, Tools tools) {
    this(database, provider, config, tools, WaitLimits.DEFAULT);
  }

  EngineHarness(
      Database database,
      ScriptedProvider provider,
      EngineConfig config,
      Tools tools,
      WaitLimits waits) {
    this(
        database,
        provider,
        config,
        tools,
        new Surroundings(
            InstantSource.system(), new HurriedTimers(), FaultPoints.NONE, only(provider), waits));
  }

  EngineHarness(
      Database database,
      ScriptedProvider provider,
      EngineConfig config,
      InstantSource clock,
      Timers timers) {
    this(
        database,
        provider,
        config,
        Tools.NONE,
        new Surroundings(clock, timers, FaultPoints.NONE, only(provider), WaitLimits.DEFAULT));
  }

  EngineHarness(Database database, ScriptedProvider provider, FaultPoints faults) {
    this(
        database,
        provider,
        config(Duration.ofMinutes(5)),
        Tools.NONE,
        new Surroundings(
            InstantSource.system(),
            new HurriedTimers(),
            faults,
            only(provider),
            WaitLimits.DEFAULT));
  }

  /** A node that shows models what these settings say. */
  EngineHarness(
      Database database,
      ScriptedProvider provider,
      Tools tools,
      ContextSettings contexts,
      FaultPoints faults) {
    this(
        database,
        provider,
        config(Duration.ofMinutes(5)),
        tools,
        new Surroundings(
            InstantSource.system(),
            new HurriedTimers(),
            faults,
            only(provider),
            WaitLimits.DEFAULT,
            contexts,
            null));
  }

  /** A node that searches with this. */
  EngineHarness(Database database, ScriptedProvider provider, Retriever retriever) {
    this(
        database,
        provider,
        config(Duration.ofMinutes(5)),
        Tools.NONE,
        new Surroundings(
            InstantSource.system(),
            new HurriedTimers(),
            FaultPoints.NONE,
            only(provider),
            WaitLimits.DEFAULT,
            ContextSettings.DEFAULT,
            retriever));
  }

  /** A node with these providers, whatever they are, in a time of the test's own. */
  EngineHarness(Database database, Providers providers, InstantSource clock, Timers timers) {
    this(
        database,
        new ScriptedProvider(),
        config(Duration.ofMinutes(5)),
        Tools.NONE,
        new Surroundings(clock, timers, FaultPoints.NONE, providers, WaitLimits.DEFAULT));
  }

  private static Providers only(ScriptedProvider provider) {
    return new Providers(List.of(provider), "script/a");
  }

  /** What comes to a node from outside. */
  private record Surroundings(
      InstantSource clock,
      Timers timers,
      FaultPoints faults,
      Providers providers,
      WaitLimits waits,
      ContextSettings contexts,
      @Nullable Retriever retriever) {
    Surroundings(
        InstantSource clock,
        Timers timers,
        FaultPoints faults,
        Providers providers,
        WaitLimits waits) {
      this(clock, timers, faults, providers, waits, ContextSettings.DEFAULT, null);
    }
  }

  private EngineHarness(
      Database database,
      ScriptedProvider provider,
      EngineConfig config,
      Tools tools,
      Surroundings around) {
    this.database = database;
    this.provider = provider;
    Ids ids = Ids.system();
    this.nodeId = ids.node();
    this.contexts = new ContextJournal(database);
    this.log =
        new TurnLog(database, nodeId, LogLimits.DEFAULT, InstantSource.system(), around.faults());
    this.conversations = new Conversations(database);
    this.schedules = Schedules.of(database, log, ids, DeskLimits.DEFAULT, around.waits());
    this.later = schedules.turns();
    @Nullable Retriever retriever = around.retriever();
    this.parts =
        new EngineParts(
            nodeId,
            database,
            log,
            around.providers(),
            new ContextBuilder(
                database,
                around.contexts(),
                contexts,
                retriever == null ? new Retriever(database) : retriever),
            tools,
            schedules,
            config,
            around.clock(),
            new Random(1),
            around.timers(),
            around.faults());
    this.engine = new Engine(parts, "test", meters);
    this.answers = new AnswerDesk(database, ids, tools::fault, AskUserTool::fault);
    this.calls = new ToolCalls(database);
    this.desk =
        new Desk(
            database,
            log,
            engine,
            ids,
            new Admission(database, DeskLimits.DEFAULT),
            around.faults());
  }

  static EngineConfig config(Duration turnTimeLimit) {
    EngineConfig d = EngineConfig.DEFAULT;
    return EngineConfigs.paced(
        EngineConfigs.of(d, d.claimBatch(), d.maxRunning(), turnTimeLimit, d.retry()),
        d.lease(),
        Duration.ofMillis(100),
        Duration.ofMillis(50));
  }

  String session() {
    return desk.createSession(CALLER, Session.Settings.NONE).id();
  }

  Turn submit(String session, String text, String... models) {
    return submit(session, text, WhenBusy.ENQUEUE, null, models);
  }

  Turn submit(
      String session,
      String text,
      WhenBusy whenBusy,
      @Nullable IdempotencyKey key,
      String... models) {
    return desk.submit(
        CALLER,
        session,
        message(text, whenBusy, List.of(models), List.of(), Recovery.RESTART),
        key);
  }

  static NewTurn message(
      String text,
      WhenBusy whenBusy,
      List<String> models,
      List<String> fallbacks,
      Recovery recovery) {
    return new NewTurn(
        List.of(new Part(PartKind.TEXT, text)),
        new TurnRequest(models, fallbacks, null, GenerationParams.NONE, recovery),
        whenBusy);
  }

  /** Follows a turn from its start until the predicate likes an event; returns all up to it. */
  List<TurnEvent> await(String turn, Predicate<TurnEvent> last) {
    List<TurnEvent> events = new ArrayList<>();
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    try (Follower follower = log.follow(turn, -1)) {
      while (true) {
        Follower.Batch batch = follower.next(Duration.ofSeconds(1));
        for (LogBlock block : batch.blocks()) {
          LogLines.after(
              block,
              events.size() - 1,
              (seq, bytes, from, to) ->
                  events.add(TurnEventCodec.decode(bytes, from, to - from).event()));
        }
        for (int i = 0; i < events.size(); i++) {
          if (last.test(events.get(i))) {
            return events.subList(0, i + 1);
          }
        }
        if (System.nanoTime() > deadline) {
          throw new AssertionError("Still not there: " + events);
        }
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  List<TurnEvent> awaitEnd(String turn) {
    return await(turn, event -> event instanceof TurnEvent.TurnEnded);
  }

  /** Model calls that wait for their turn. */
  int waitingCalls() {
    return (int) meters.get("perdure.model.calls.waiting").gauge().value();
  }

  Turn turn(String id) {
    return conversations.turn(CALLER, id);
  }

  /** Stops as a drain with this much grace does. */
  void stop(Duration grace) throws InterruptedException {
    engine.stop(grace);
    contexts.close();
    log.close();
  }

  @Override
  public void close() {
    try {
      stop(Duration.ZERO);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Lets a minute pass at once; longer waits never end by themselves. */
  private static final class HurriedTimers implements Timers {
    private final Timers system = Timers.system();

    @Override
    public Cancellable after(Duration delay, Runnable task) {
      return delay.compareTo(Duration.ofMinutes(1)) <= 0
          ? system.after(Duration.ZERO, task)
          : () -> {};
    }

    @Override
    public void close() {
      system.close();
    }
  }
}
