package dev.perdure.server.http;

import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Lets web pages of named origins read answers. Off with an empty list. Credentials are never
 * allowed by header: Perdure knows no cookies, only {@code Authorization}. Immutable, thread-safe.
 */
final class Cors {
  private static final String ANY = "*";

  /**
   * What a preflight asks for is allowed: the clients of other protocols send headers of their own,
   * a dozen {@code X-Stainless-…} for one, and a header by itself opens nothing.
   */
  private static final Pattern HEADER_NAMES =
      Pattern.compile("[A-Za-z0-9!#$%&'*+.^_`|~-]+(?: *, *[A-Za-z0-9!#$%&'*+.^_`|~-]+)*");

  private static final int HEADER_NAMES_CHARS = 4000;
  private static final String EXPOSED_HEADERS =
      "ETag, Location, Preference-Applied, Retry-After, Stream-Closed, Stream-Cursor,"
          + " Stream-Next-Offset, Stream-Up-To-Date, X-Request-Id, X-Should-Retry";
  private static final String VARY = "Origin, Access-Control-Request-Headers";
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
    exchange.header(HeaderNames.VARY, VARY);
    List<String> origin = exchange.request().headers().all(HeaderNames.ORIGIN, List::of);
    if (origin.size() != 1 || !(origins.contains(ANY) || origins.contains(origin.getFirst()))) {
      return;
    }
    exchange.header(
        HeaderNames.ACCESS_CONTROL_ALLOW_ORIGIN, origins.contains(ANY) ? ANY : origin.getFirst());
    exchange.header(HeaderNames.ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    if (exchange.method().equals(Method.OPTIONS)) {
      exchange.header(HeaderNames.ACCESS_CONTROL_ALLOW_METHODS, allow);
      exchange
          .header(HeaderNames.ACCESS_CONTROL_REQUEST_HEADERS)
          .filter(names -> names.length() <= HEADER_NAMES_CHARS)
          .filter(names -> HEADER_NAMES.matcher(names).matches())
          .ifPresent(names -> exchange.header(HeaderNames.ACCESS_CONTROL_ALLOW_HEADERS, names));
      exchange.header(HeaderNames.ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS);
    }
  }
}
