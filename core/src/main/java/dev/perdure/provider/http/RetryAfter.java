package dev.perdure.provider.http;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.InstantSource;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import org.jspecify.annotations.Nullable;

/** How long a vendor asks to wait: {@code retry-after-ms}, or {@code retry-after} (RFC 9110). */
final class RetryAfter {
  /** What a vendor asks beyond this is no more than "not today". */
  private static final Duration MAX = Duration.ofHours(24);

  private RetryAfter() {}

  static @Nullable Duration of(Head head, InstantSource clock) {
    Duration exact = number(head.header("retry-after-ms"), 1);
    String value = head.header("retry-after");
    Duration wait = exact != null ? exact : number(value, 1000);
    if (wait == null && value != null) {
      wait = date(value, clock);
    }
    return wait == null ? null : bounded(wait);
  }

  static Duration bounded(Duration wait) {
    return wait.isNegative() ? Duration.ZERO : wait.compareTo(MAX) > 0 ? MAX : wait;
  }

  private static @Nullable Duration number(@Nullable String value, int unitMillis) {
    return value != null && value.matches("\\d{1,9}(\\.\\d{1,9})?")
        ? Duration.ofMillis(Math.round(Double.parseDouble(value) * unitMillis))
        : null;
  }

  private static @Nullable Duration date(String value, InstantSource clock) {
    try {
      return Duration.between(
          clock.instant(),
          ZonedDateTime.parse(value, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant());
    } catch (DateTimeException e) {
      return null;
    }
  }
}
