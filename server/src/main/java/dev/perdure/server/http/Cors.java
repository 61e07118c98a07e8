package dev.perdure.server.http;

import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import java.util.List;
import java.util.Set;

/**
 * Lets web pages of named origins read answers. Off with an empty list. Credentials are never
 * allowed by header: Perdure knows no cookies, only {@code Authorization}. Immutable, thread-safe.
 */
final class Cors {
  private static final String ANY = "*";
  private static final String ALLOWED_HEADERS =
      "Accept, Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer,"
          + " X-Perdure-Attempts";
  private static final String EXPOSED_HEADERS =
      "ETag, Location, Preference-Applied, Retry-After, Stream-Closed, Stream-Cursor,"
          + " Stream-Next-Offset, Stream-Up-To-Date, X-Request-Id";
  private static final String MAX_AGE_SECONDS = "600";

  private final Set<String> origins;

  /**
   * @param origins such as {@code https://app.example.com}, or {@code *}
   */
  Cors(List<String> origins) {
    this.origins = Set.copyOf(origins);
  }

  /** Adds the headers that the request's origin may have. */
  void apply(Exchange exchange, String allow) {
    if (origins.isEmpty()) {
      return;
    }
    exchange.header(HeaderNames.VARY, "Origin");
    List<String> origin = exchange.request().headers().all(HeaderNames.ORIGIN, List::of);
    if (origin.size() != 1 || !(origins.contains(ANY) || origins.contains(origin.getFirst()))) {
      return;
    }
    exchange.header(
        HeaderNames.ACCESS_CONTROL_ALLOW_ORIGIN, origins.contains(ANY) ? ANY : origin.getFirst());
    exchange.header(HeaderNames.ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    if (exchange.method().equals(Method.OPTIONS)) {
      exchange.header(HeaderNames.ACCESS_CONTROL_ALLOW_METHODS, allow);
      exchange.header(HeaderNames.ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
      exchange.header(HeaderNames.ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS);
    }
  }
}
