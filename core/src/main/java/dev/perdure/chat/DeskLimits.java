package dev.perdure.chat;

import java.time.Duration;

/**
 * How much of the server callers may take up.
 *
 * @param openTurnsPerOwner turns of one caller that may be queued, running or waiting; counted
 *     without a lock over sessions, so that as many requests as run at the same moment may
 *     overshoot it
 * @param openTurnsPerTenant the same for all callers of a tenant together, by the figures of {@link
 *     Admission}
 * @param queuedTurns turns in the queue of all nodes together; one tenant may fill half of what
 *     others leave free of it
 * @param queueWait no turn of a tenant joins the queue while an earlier one of it has been waiting
 *     there for a node longer than this
 */
public record DeskLimits(
    int openTurnsPerOwner, int openTurnsPerTenant, int queuedTurns, Duration queueWait) {
  public static final DeskLimits DEFAULT =
      new DeskLimits(200, 50_000, 10_000, Duration.ofSeconds(60));
}
