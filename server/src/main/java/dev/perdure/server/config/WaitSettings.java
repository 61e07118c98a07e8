package dev.perdure.server.config;

import java.time.Duration;
import java.util.List;

/** What may wait for a time or for the user, and how long; section {@code waits}. */
public record WaitSettings(
    @Key(
            byDefault = "366d",
            min = "1s",
            max = "3650d",
            text =
                "How far ahead a turn may be scheduled, and the longest that a model may wait for a"
                    + " time or for an answer.")
        Duration longest,
    @Key(
            byDefault = "1000",
            min = "0",
            max = "1000000",
            text = "The most turns of one caller that may be scheduled at the same time.")
        int maxScheduledPerCaller,
    @Key(byDefault = "100", min = "0", max = "100000", text = "The most schedules of one caller.")
        int maxSchedulesPerCaller,
    @Key(
            byDefault = "24h",
            min = "1s",
            max = "3650d",
            text = "How long a question to the user is open if the model does not say.")
        Duration answerWithin,
    @Key(
            byDefault = "1h",
            text =
                "How long after a question the turn's log reminds of it, as 1h,12h; nothing for no"
                    + " reminders.")
        List<String> reminders,
    @Key(
            byDefault = "1m",
            min = "1s",
            max = "24h",
            text =
                "How late a run of a schedule may be; one that would come later, as no server was"
                    + " there, counts as missed.")
        Duration lateness) {

  /** More would be noise. */
  private static final int MAX_REMINDERS = 10;

  public WaitSettings {
    Keys.check(
        WaitSettings.class,
        longest,
        maxScheduledPerCaller,
        maxSchedulesPerCaller,
        answerWithin,
        reminders,
        lateness);
    reminders = List.copyOf(reminders);
    if (durations(reminders).size() > MAX_REMINDERS) {
      throw PerdureConfig.illegal(
          "waits.reminders has "
              + reminders.size()
              + " times; at most "
              + MAX_REMINDERS
              + " are accepted. Name fewer.");
    }
  }

  /** The reminders as lengths of time. */
  public List<Duration> remindersAfter() {
    return durations(reminders);
  }

  private static List<Duration> durations(List<String> texts) {
    try {
      return texts.stream().map(Values::duration).toList();
    } catch (IllegalArgumentException e) {
      throw PerdureConfig.illegal(
          "waits.reminders is '"
              + String.join(",", texts)
              + "'. Write durations such as 30m,12h, or nothing.");
    }
  }
}
