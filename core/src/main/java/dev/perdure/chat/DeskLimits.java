package dev.perdure.chat;

/**
 * @param openTurnsPerOwner turns of one caller that may be queued, running or waiting; counted
 *     without a lock over sessions, so that as many requests as run at the same moment may
 *     overshoot it
 */
public record DeskLimits(int openTurnsPerOwner) {
  public static final DeskLimits DEFAULT = new DeskLimits(200);
}
