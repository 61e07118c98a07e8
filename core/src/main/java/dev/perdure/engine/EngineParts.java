package dev.perdure.engine;

import dev.perdure.chat.LaterTurns;
import dev.perdure.context.ContextBuilder;
import dev.perdure.db.Database;
import dev.perdure.log.TurnLog;
import dev.perdure.provider.Providers;
import dev.perdure.schedule.Schedules;
import dev.perdure.testing.FaultPoints;
import dev.perdure.tool.Tools;
import java.time.InstantSource;
import java.util.random.RandomGenerator;

/**
 * What the engine works with.
 *
 * @param nodeId the id of this process; a restart is another node. The log's writers are fenced by
 *     the same id
 * @param schedules what begins at a time to come
 * @param clock for elapsed time; leases go by the database's clock
 */
public record EngineParts(
    String nodeId,
    Database database,
    TurnLog log,
    Providers providers,
    ContextBuilder context,
    Tools tools,
    Schedules schedules,
    EngineConfig config,
    InstantSource clock,
    RandomGenerator random,
    Timers timers,
    FaultPoints faults) {

  /** Turns that begin at a time to come. */
  LaterTurns later() {
    return schedules.turns();
  }
}
