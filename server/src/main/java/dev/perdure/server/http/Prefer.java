package dev.perdure.server.http;

import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The header {@code Prefer} (RFC 7240), as far as it is known here. Stateless. */
final class Prefer {
  static final HeaderName NAME = HeaderNames.create("Prefer");

  /** Preferences of one header; more are not looked at. */
  private static final int MOST = 32;

  private Prefer() {}

  /** {@code wait=SECONDS}. */
  static Optional<Duration> waiting(List<String> values) {
    for (String value : values) {
      for (String preference : value.split("[,;]", MOST)) {
        String[] pair = preference.strip().split("=", 2);
        if (pair[0].strip().equalsIgnoreCase("wait")
            && pair.length == 2
            && pair[1].strip().matches("[0-9]{1,6}")) {
          return Optional.of(Duration.ofSeconds(Integer.parseInt(pair[1].strip())));
        }
      }
    }
    return Optional.empty();
  }

  /** {@code respond-async}. */
  static boolean async(List<String> values) {
    return values.stream()
        .anyMatch(value -> value.toLowerCase(Locale.ROOT).contains("respond-async"));
  }
}
