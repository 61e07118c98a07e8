package dev.perdure.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CronRuleTest {
  private static final ZoneId BERLIN = ZoneId.of("Europe/Berlin");

  private static List<String> times(String rule, ZoneId zone, String after, int count) {
    CronRule cron = CronRule.parse(rule);
    List<String> out = new ArrayList<>();
    Instant at = Instant.parse(after);
    for (int i = 0; i < count; i++) {
      at = cron.next(at, zone).orElseThrow();
      out.add(at.toString());
    }
    return out;
  }

  @Test
  void a_time_of_the_day_keeps_its_place_on_the_clock() {
    assertThat(times("30 8 * * mon-fri", BERLIN, "2026-03-26T23:00:00Z", 3))
        .containsExactly("2026-03-27T07:30:00Z", "2026-03-30T06:30:00Z", "2026-03-31T06:30:00Z");
    assertThat(times("30 8 * * *", BERLIN, "2026-10-24T00:00:00Z", 3))
        .containsExactly("2026-10-24T06:30:00Z", "2026-10-25T07:30:00Z", "2026-10-26T07:30:00Z");
  }

  @Test
  void a_time_that_is_left_out_comes_as_much_later_as_the_clock_was_put_forward() {
    // 02:30 is 03:30 on 29 March 2026, when 02:00 became 03:00.
    assertThat(times("30 2 * * *", BERLIN, "2026-03-28T00:00:00Z", 3))
        .containsExactly("2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z");
    // 02:00 and 03:00 are the same moment then: one run.
    assertThat(times("0 2,3 * * *", BERLIN, "2026-03-28T20:00:00Z", 3))
        .containsExactly("2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z", "2026-03-30T01:00:00Z");
    // In order of time: 02:45 is 03:45, behind 03:00.
    assertThat(times("0,45 2,3 * * *", BERLIN, "2026-03-28T20:00:00Z", 2))
        .containsExactly("2026-03-29T01:00:00Z", "2026-03-29T01:45:00Z");
  }

  @Test
  void a_time_that_is_doubled_comes_once_the_first_time() {
    assertThat(times("30 2 * * *", BERLIN, "2026-10-24T12:00:00Z", 2))
        .containsExactly("2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z");
  }

  @Test
  void every_hour_means_each_hour_that_there_is() {
    assertThat(times("30 * * * *", BERLIN, "2026-03-29T00:00:00Z", 3))
        .containsExactly("2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z");
    assertThat(times("*/30 * * * *", BERLIN, "2026-10-24T23:59:00Z", 5))
        .containsExactly(
            "2026-10-25T00:00:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:00:00Z",
            "2026-10-25T01:30:00Z",
            "2026-10-25T02:00:00Z");
  }

  @Test
  void days_that_are_left_out_or_begin_late_are_borne() {
    // Samoa had no 30 December 2011.
    assertThat(times("0 9 * * *", ZoneId.of("Pacific/Apia"), "2011-12-29T00:00:00Z", 3))
        .containsExactly("2011-12-29T19:00:00Z", "2011-12-30T19:00:00Z", "2011-12-31T19:00:00Z");
    // In Cairo 24 April 2026 begins at 01:00.
    assertThat(times("0 0 * * *", ZoneId.of("Africa/Cairo"), "2026-04-23T00:00:00Z", 2))
        .containsExactly("2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z");
    // Lord Howe moves by half an hour.
    assertThat(times("15 2 * * *", ZoneId.of("Australia/Lord_Howe"), "2026-10-03T00:00:00Z", 2))
        .containsExactly("2026-10-03T15:45:00Z", "2026-10-04T15:15:00Z");
  }

  @ParameterizedTest
  @CsvSource({
    "0 0 29 2 *, 2026-01-01T00:00:00Z, 2028-02-29T00:00:00Z",
    "0 0 29 2 *, 2096-03-01T00:00:00Z, 2104-02-29T00:00:00Z",
    "0 0 31 * *, 2026-01-31T00:00:00Z, 2026-03-31T00:00:00Z",
    "0 12 13 * fri, 2026-02-01T00:00:00Z, 2026-02-06T12:00:00Z",
    "0 12 */2 * 5, 2026-02-01T00:00:00Z, 2026-02-13T12:00:00Z",
    "0 12 * * 7, 2026-02-02T00:00:00Z, 2026-02-08T12:00:00Z",
    "5-59/20 1 1 JAN *, 2026-02-01T00:00:00Z, 2027-01-01T01:05:00Z",
    "0/25 * * * *, 2026-02-01T00:26:00Z, 2026-02-01T00:50:00Z",
    "59 23 31 12 *, 2026-12-31T23:59:00Z, 2027-12-31T23:59:00Z"
  })
  void fields_mean_what_crontab_says(String rule, String after, String next) {
    assertThat(CronRule.parse(rule).next(Instant.parse(after), ZoneId.of("UTC")))
        .contains(Instant.parse(next));
  }

  @Test
  void a_rule_without_any_time_has_none() {
    assertThat(CronRule.parse("0 0 30 2 *").next(Instant.EPOCH, BERLIN)).isEmpty();
    assertThat(CronRule.parse("0 * 31 4,6 *").next(Instant.EPOCH, BERLIN)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "5-1 * * * *",
        "a * * * *",
        "1,, * * * *",
        "1/2/3 * * * *",
        "-1 * * * *",
        "1- * * * *",
        "* * * foo *",
        "mon * * * *",
        "@daily",
        "999999999999 * * * *"
      })
  void what_is_no_rule_is_refused(String rule) {
    assertThatThrownBy(() -> CronRule.parse(rule)).isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @CsvSource({
    "Europe/Berlin, 2026-03-27, 2026-03-31",
    "Europe/Berlin, 2026-10-23, 2026-10-27",
    "America/New_York, 2026-03-06, 2026-03-10",
    "America/New_York, 2026-10-30, 2026-11-03",
    "Australia/Lord_Howe, 2026-04-03, 2026-04-07",
    "Australia/Lord_Howe, 2026-10-02, 2026-10-06",
    "Africa/Cairo, 2026-04-22, 2026-04-26",
    "Pacific/Apia, 2011-12-28, 2012-01-02",
    "Asia/Kathmandu, 2026-01-01, 2026-01-04"
  })
  void it_agrees_with_counting_around_changes_of_clocks(String zone, LocalDate from, LocalDate to) {
    ZoneId id = ZoneId.of(zone);
    Instant begin = from.atStartOfDay(id).toInstant();
    Instant end = to.atStartOfDay(id).toInstant();
    for (String rule :
        List.of("*/20 * * * *", "10 * * * *", "30 2 * * *", "0,15,45 0-4 * * *", "0 */3 * * *")) {
      CronRule cron = CronRule.parse(rule);
      List<Instant> found = new ArrayList<>();
      Optional<Instant> at = cron.next(begin.minusMillis(1), id);
      while (at.isPresent() && at.get().isBefore(end)) {
        found.add(at.get());
        at = cron.next(at.get(), id);
      }
      assertThat(found).as(rule).containsExactlyElementsOf(counted(rule, id, begin, end));
    }
  }

  /** By brute force: each minute that there is, or each one that the calendar names. */
  private static Set<Instant> counted(String rule, ZoneId zone, Instant begin, Instant end) {
    List<String> fields = List.of(rule.split(" ", -1));
    Set<Instant> out = new TreeSet<>();
    if (fields.get(1).equals("*")) {
      for (Instant at = begin; at.isBefore(end); at = at.plus(Duration.ofMinutes(1))) {
        if (named(fields.get(0)).contains(at.atZone(zone).getMinute())) {
          out.add(at);
        }
      }
      return out;
    }
    LocalDate day = begin.atZone(zone).toLocalDate().minusDays(2);
    for (int days = 0; days < 12; days++) {
      for (int minute = 0; minute < 24 * 60; minute++) {
        Instant at =
            ZonedDateTime.of(day.plusDays(days).atTime(minute / 60, minute % 60), zone).toInstant();
        if (named(fields.get(0)).contains(minute % 60)
            && named(fields.get(1)).contains(minute / 60)
            && !at.isBefore(begin)
            && at.isBefore(end)) {
          out.add(at);
        }
      }
    }
    return out;
  }

  private static List<Integer> named(String field) {
    return switch (field) {
      case "*/20" -> List.of(0, 20, 40);
      case "10" -> List.of(10);
      case "30" -> List.of(30);
      case "2" -> List.of(2);
      case "0,15,45" -> List.of(0, 15, 45);
      case "0-4" -> List.of(0, 1, 2, 3, 4);
      case "0" -> List.of(0);
      case "*/3" -> List.of(0, 3, 6, 9, 12, 15, 18, 21);
      default -> throw new IllegalArgumentException(field);
    };
  }
}
