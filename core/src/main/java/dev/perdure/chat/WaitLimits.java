package dev.perdure.chat;

import java.time.Duration;
import java.util.List;

/**
 * How much may wait, and for how long.
 *
 * @param longest how far ahead a turn may be scheduled, and the longest wait of a model
 * @param scheduledPerOwner turns of one caller that may be scheduled at the same time
 * @param schedulesPerOwner schedules of one caller
 * @param answerWithin how long a question is open if the model does not say
 * @param reminders how long after a question the log reminds of it, ascending
 * @param lateness a run of a schedule that comes later than this counts as missed
 */
public record WaitLimits(
    Duration longest,
    int scheduledPerOwner,
    int schedulesPerOwner,
    Duration answerWithin,
    List<Duration> reminders,
    Duration lateness) {
  public static final WaitLimits DEFAULT =
      new WaitLimits(
          Duration.ofDays(366),
          1_000,
          100,
          Duration.ofHours(24),
          List.of(Duration.ofHours(1)),
          Duration.ofMinutes(1));

  public WaitLimits {
    reminders = reminders.stream().sorted().toList();
  }
}
