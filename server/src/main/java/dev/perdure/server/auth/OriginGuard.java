package dev.perdure.server.auth;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import io.helidon.webserver.http.ServerRequest;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Keeps web pages of others away from a server that asks for no credential. Immutable and
 * thread-safe.
 *
 * <p>A page on any origin can make the browser of somebody who runs Perdure send requests to
 * loopback. Two checks make them useless: the {@code Host} must be a name of this server, so that a
 * name that was rebound to 127.0.0.1 is refused (DNS rebinding), and a request that changes
 * something must not come from another origin (CSRF). Reading across origins is refused by the
 * browser itself, as no CORS header allows it. Where a credential is required both are moot: no
 * browser adds one by itself.
 */
public final class OriginGuard {
  private static final Pattern AUTHORITY =
      Pattern.compile("([^\\s:/@\\[\\]]+|\\[[0-9a-f:.]+])(?::\\d{1,5})?");
  private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]");
  private static final Set<Method> SAFE = Set.of(Method.GET, Method.HEAD, Method.OPTIONS);
  private static final HeaderName FETCH_SITE = HeaderNames.create("sec-fetch-site");

  private final boolean on;
  private final Set<String> hosts = new HashSet<>();
  private final Set<String> origins;

  private OriginGuard(boolean on, Collection<String> hosts, Collection<String> origins) {
    this.on = on;
    this.origins = Set.copyOf(origins);
    for (String host : hosts) {
      this.hosts.add(host.toLowerCase(Locale.ROOT));
    }
    this.hosts.addAll(LOOPBACK);
  }

  /** Lets everything pass: for a server where every request needs a credential. */
  public static OriginGuard off() {
    return new OriginGuard(false, Set.of(), Set.of());
  }

  /**
   * Accepts loopback and these host names.
   *
   * @param hosts without port
   * @param origins whose pages may change things, such as {@code https://app.example.com}
   */
  public static OriginGuard loopbackAnd(Collection<String> hosts, Collection<String> origins) {
    return new OriginGuard(true, hosts, origins);
  }

  /**
   * Checks a request before anything else looks at it.
   *
   * @throws PerdureException FORBIDDEN
   */
  public void check(ServerRequest request) {
    if (on) {
      check(
          request.prologue().method(),
          request.authority(),
          request.headers().all(HeaderNames.ORIGIN, List::of),
          request.headers().all(FETCH_SITE, List::of));
    }
  }

  /**
   * Checks that no page of another origin opens a WebSocket. A browser lets every page do so and
   * read what comes, whatever the CORS headers: it is like a request that changes something.
   *
   * @throws PerdureException FORBIDDEN
   */
  public void checkSocket(ServerRequest request) {
    if (on) {
      check(
          Method.POST,
          request.authority(),
          request.headers().all(HeaderNames.ORIGIN, List::of),
          request.headers().all(FETCH_SITE, List::of));
    }
  }

  /**
   * @param authority the Host header
   */
  void check(
      Method method, @Nullable String authority, List<String> origin, List<String> fetchSite) {
    String host = authority == null ? "" : hostOf(authority);
    if (!hosts.contains(host)) {
      throw refused(
          "The host '"
              + shown(host)
              + "' is not a name of this server. Without authentication it answers on loopback"
              + " only: use http://localhost, or name the host in 'server.allowedHosts'.");
    }
    if (SAFE.contains(method) || (origin.size() == 1 && origins.contains(origin.getFirst()))) {
      return;
    }
    for (String each : origin) {
      // The port counts: another program on loopback is another origin too.
      if (authority == null || !sameOrigin(each, authority)) {
        throw refused(
            "A page of the origin '"
                + shown(each)
                + "' may not change anything here. Call from the server's own origin, or name this"
                + " one in 'server.corsOrigins'.");
      }
    }
    if (fetchSite.contains("cross-site") || fetchSite.contains("same-site")) {
      throw refused(
          "A page of another site may not change anything here. Call from the server's own origin,"
              + " or configure 'auth.apiKeys' and send a credential.");
    }
  }

  private static boolean sameOrigin(String origin, String authority) {
    try {
      URI uri = new URI(origin);
      return uri.getRawAuthority() != null
          && uri.getRawAuthority().equalsIgnoreCase(authority)
          && ("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()));
    } catch (URISyntaxException e) {
      return false;
    }
  }

  private static String hostOf(String authority) {
    Matcher form = AUTHORITY.matcher(authority.toLowerCase(Locale.ROOT));
    return form.matches() ? form.group(1) : authority;
  }

  /** What a stranger sent, short and without control characters. */
  private static String shown(String value) {
    String cut = value.length() > 100 ? value.substring(0, 100) : value;
    return cut.replaceAll("[^\\x20-\\x7e]", "?");
  }

  private static PerdureException refused(String message) {
    return new PerdureException(ErrorCode.FORBIDDEN, message);
  }
}
