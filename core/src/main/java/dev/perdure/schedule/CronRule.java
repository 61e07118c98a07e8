package dev.perdure.schedule;

import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.temporal.ChronoUnit;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A rule of five fields as in crontab(5): minute, hour, day of month, month, day of week. Lists,
 * ranges, steps and the English names of months and weekdays; 0 and 7 are Sunday. If both day
 * fields are restricted, a day that fits either fits. Immutable.
 *
 * <p>Where clocks are changed: with {@code *} as its hour a rule means each such minute that there
 * is, so it is silent in an hour that is left out and speaks in both of a doubled one. Otherwise it
 * means times of the day: each of them comes once on each day, one that is left out as much later
 * as the clock was put forward, one that is doubled at its first time.
 */
final class CronRule {
  /** Longer than the longest pause of a rule, 29 February on a given weekday around 2100. */
  private static final int MAX_DAYS = 366 * 41;

  private static final int MAX_CHARS = 200;

  private static final List<String> MONTHS =
      List.of("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec");
  private static final List<String> DAYS = List.of("sun", "mon", "tue", "wed", "thu", "fri", "sat");

  private final String text;
  private final BitSet minutes;
  private final BitSet hours;
  private final BitSet daysOfMonth;
  private final BitSet months;
  private final BitSet daysOfWeek;
  private final boolean everyHour;
  private final boolean eitherDay;

  private CronRule(String text, String[] fields) {
    this.text = text;
    this.minutes = parse("minute", fields[0], 0, 59, List.of());
    this.hours = parse("hour", fields[1], 0, 23, List.of());
    this.daysOfMonth = parse("day of month", fields[2], 1, 31, List.of());
    this.months = parse("month", fields[3], 1, 12, MONTHS);
    this.daysOfWeek = parse("day of week", fields[4], 0, 7, DAYS);
    if (daysOfWeek.get(7)) {
      daysOfWeek.set(0);
    }
    this.everyHour = fields[1].equals("*");
    this.eitherDay = !fields[2].startsWith("*") && !fields[4].startsWith("*");
  }

  /**
   * Reads a rule.
   *
   * @throws IllegalArgumentException with a text for who wrote it
   */
  static CronRule parse(String text) {
    String[] fields = text.strip().split("\\s+");
    if (text.length() > MAX_CHARS || fields.length != 5) {
      throw new IllegalArgumentException(
          "A rule has five fields: minute, hour, day of month, month and day of week, as in"
              + " '30 8 * * mon-fri'.");
    }
    return new CronRule(String.join(" ", fields), fields);
  }

  private static BitSet parse(String name, String field, int min, int max, List<String> names) {
    BitSet out = new BitSet(max + 1);
    for (String item : field.split(",", -1)) {
      String[] parts = item.split("/", -1);
      String[] ends = parts[0].split("-", -1);
      boolean all = parts[0].equals("*");
      if (parts.length > 2 || ends.length > 2) {
        throw wrong(name, field, min, max);
      }
      int from = all ? min : value(name, field, ends[0], min, max, names);
      int to =
          all || (ends.length == 1 && parts.length == 2)
              ? (max == 7 ? 6 : max)
              : ends.length == 2 ? value(name, field, ends[1], min, max, names) : from;
      int step = parts.length == 1 ? 1 : value(name, field, parts[1], 1, max, List.of());
      if (from > to) {
        throw wrong(name, field, min, max);
      }
      for (int at = from; at <= to; at += step) {
        out.set(at);
      }
    }
    return out;
  }

  private static int value(
      String name, String field, String word, int min, int max, List<String> names) {
    int named = names.indexOf(word.toLowerCase(Locale.ROOT));
    if (named >= 0) {
      return named + (names.size() == 12 ? 1 : 0);
    }
    if (!word.matches("[0-9]{1,2}")) {
      throw wrong(name, field, min, max);
    }
    int value = Integer.parseInt(word);
    if (value < min || value > max) {
      throw wrong(name, field, min, max);
    }
    return value;
  }

  private static IllegalArgumentException wrong(String name, String field, int min, int max) {
    return new IllegalArgumentException(
        "The field '"
            + name
            + "' of the rule is '"
            + field
            + "'. It must be *, a number from "
            + min
            + " to "
            + max
            + ", a range such as 1-5, a step such as */2, or a list of these.");
  }

  /** The rule, with one space between its fields. */
  @Override
  public String toString() {
    return text;
  }

  /** The first time after another one; empty if there is none within 41 years. */
  Optional<Instant> next(Instant after, ZoneId zone) {
    return everyHour ? nextMinute(after, zone) : nextOfDay(after, zone);
  }

  /** Goes through the minutes as they pass, whatever the clocks call them. */
  private Optional<Instant> nextMinute(Instant after, ZoneId zone) {
    ZonedDateTime at = after.atZone(zone).truncatedTo(ChronoUnit.MINUTES).plusMinutes(1);
    LocalDate last = at.toLocalDate().plusDays(MAX_DAYS);
    while (at.toLocalDate().isBefore(last)) {
      if (!fits(at.toLocalDate())) {
        at = at.toLocalDate().plusDays(1).atStartOfDay(zone);
      } else if (minutes.get(at.getMinute())) {
        return Optional.of(at.toInstant());
      } else {
        at = at.plusMinutes(1);
      }
    }
    return Optional.empty();
  }

  /** Goes through the days as the calendar has them. */
  private Optional<Instant> nextOfDay(Instant after, ZoneId zone) {
    // A time of the day before may have been put off until now.
    LocalDate day = after.atZone(zone).toLocalDate().minusDays(1);
    LocalDate last = day.plusDays(MAX_DAYS);
    while (day.isBefore(last)) {
      @Nullable Instant best = earliest(day, after, zone);
      if (best != null) {
        // Likewise one of this day until after the first of the next.
        @Nullable Instant other = earliest(day.plusDays(1), after, zone);
        return Optional.of(other != null && other.isBefore(best) ? other : best);
      }
      day = day.plusDays(1);
    }
    return Optional.empty();
  }

  private @Nullable Instant earliest(LocalDate day, Instant after, ZoneId zone) {
    if (!fits(day)) {
      return null;
    }
    @Nullable Instant best = null;
    for (int hour = hours.nextSetBit(0); hour >= 0; hour = hours.nextSetBit(hour + 1)) {
      for (int minute = minutes.nextSetBit(0);
          minute >= 0;
          minute = minutes.nextSetBit(minute + 1)) {
        Instant at = ZonedDateTime.of(day, LocalTime.of(hour, minute), zone).toInstant();
        if (at.isAfter(after) && (best == null || at.isBefore(best))) {
          best = at;
        }
      }
    }
    return best;
  }

  private boolean fits(LocalDate day) {
    boolean ofMonth = daysOfMonth.get(day.getDayOfMonth());
    boolean ofWeek = daysOfWeek.get(day.getDayOfWeek().getValue() % 7);
    return months.get(day.getMonthValue()) && (eitherDay ? ofMonth || ofWeek : ofMonth && ofWeek);
  }
}
