package dev.perdure.server.auth;

import dev.perdure.chat.Caller;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import io.helidon.http.HeaderNames;
import io.helidon.webserver.http.ServerRequest;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Turns a request into its {@link Caller}. Immutable and thread-safe.
 *
 * <p>Without credentials every request is {@link Caller#LOCAL}: only for a server bound to
 * loopback. With credentials a request carries {@code Authorization: Bearer}, an API key or a JWT;
 * a stream may carry a stream token instead, because a browser's EventSource cannot send headers.
 */
public final class Authenticator {
  /** The query parameter of a stream token. Never log a query that holds it. */
  public static final String TOKEN_PARAMETER = "token";

  private static final String SCHEME = "Bearer ";

  /**
   * Longest credential that is looked at, in characters; JWTs with many claims take about 2,000.
   */
  private static final int MAX_CREDENTIAL_CHARS = 16 * 1024;

  private final List<Credentials> credentials;
  private final @Nullable StreamTokens streamTokens;
  private final boolean openMetrics;

  private Authenticator(
      List<Credentials> credentials, @Nullable StreamTokens streamTokens, boolean openMetrics) {
    this.credentials = List.copyOf(credentials);
    this.streamTokens = streamTokens;
    this.openMetrics = openMetrics;
  }

  /** Takes everybody for the local principal. */
  public static Authenticator local() {
    return new Authenticator(List.of(), null, true);
  }

  /**
   * Asks for a credential that one of these accepts.
   *
   * @param openMetrics whether {@code /metrics} may be read without
   */
  public static Authenticator requiring(
      List<Credentials> credentials, StreamTokens streamTokens, boolean openMetrics) {
    if (credentials.isEmpty()) {
      throw new IllegalArgumentException("credentials is empty");
    }
    return new Authenticator(credentials, streamTokens, openMetrics);
  }

  /** Whether a request without a credential is refused. */
  public boolean required() {
    return !credentials.isEmpty();
  }

  /**
   * The caller of any request.
   *
   * @throws PerdureException UNAUTHENTICATED
   */
  public Caller authenticate(ServerRequest request) {
    return authenticate(request.headers().all(HeaderNames.AUTHORIZATION, List::of));
  }

  /**
   * The caller of a GET of an event stream, where {@code ?token=} is accepted as well. A header
   * goes before a token.
   *
   * @throws PerdureException UNAUTHENTICATED
   */
  public Caller authenticateStream(ServerRequest request) {
    return authenticateStream(
        request.headers().all(HeaderNames.AUTHORIZATION, List::of),
        given(request),
        request.path().absolute().path());
  }

  /**
   * The caller of a WebSocket, which does more than read: of tokens only one that was issued for
   * its path is accepted.
   *
   * @throws PerdureException UNAUTHENTICATED
   */
  public Caller authenticateSocket(ServerRequest request) {
    List<String> authorization = request.headers().all(HeaderNames.AUTHORIZATION, List::of);
    StreamTokens tokens = streamTokens;
    if (!required() || !authorization.isEmpty() || tokens == null) {
      return authenticate(authorization);
    }
    List<String> given = given(request);
    return given.isEmpty()
        ? authenticate(authorization)
        : tokens.verifyBound(single(given), request.path().absolute().path());
  }

  private static List<String> given(ServerRequest request) {
    return request.query().contains(TOKEN_PARAMETER)
        ? request.query().all(TOKEN_PARAMETER)
        : List.of();
  }

  private static String single(List<String> tokens) {
    if (tokens.size() > 1) {
      throw refused("The query has more than one 'token'. Send one.");
    }
    return tokens.getFirst();
  }

  /**
   * Checks that the metrics may be read: by anybody, or by a caller with a credential.
   *
   * @throws PerdureException UNAUTHENTICATED
   */
  public void authorizeMetrics(ServerRequest request) {
    if (!openMetrics) {
      authenticate(request);
    }
  }

  Caller authenticate(List<String> authorization) {
    if (!required()) {
      return Caller.LOCAL;
    }
    if (authorization.isEmpty()) {
      throw refused(
          "This server needs a credential. Send 'Authorization: Bearer' with an API key"
              + " or a JWT.");
    }
    return check(bearer(authorization));
  }

  Caller authenticateStream(List<String> authorization, List<String> tokens, String path) {
    if (!required() || !authorization.isEmpty() || tokens.isEmpty() || streamTokens == null) {
      return authenticate(authorization);
    }
    return streamTokens.verify(single(tokens), path);
  }

  private Caller check(String credential) {
    for (Credentials each : credentials) {
      Optional<Caller> caller = each.check(credential);
      if (caller.isPresent()) {
        return caller.get();
      }
    }
    throw refused("The credential is not known to this server. Check the API key or the JWT.");
  }

  private static String bearer(List<String> authorization) {
    if (authorization.size() > 1) {
      throw refused("The request has more than one 'Authorization' header. Send one.");
    }
    String value = authorization.getFirst();
    if (!value.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
      throw refused(
          "The 'Authorization' header is not of the scheme 'Bearer'. Send 'Authorization: Bearer'"
              + " with an API key or a JWT.");
    }
    String credential = value.substring(SCHEME.length()).strip();
    if (credential.isEmpty() || credential.length() > MAX_CREDENTIAL_CHARS) {
      throw refused(
          "The credential is empty or longer than "
              + MAX_CREDENTIAL_CHARS
              + " characters. Send an API key or a JWT.");
    }
    return credential;
  }

  static PerdureException refused(String message) {
    return new PerdureException(ErrorCode.UNAUTHENTICATED, message);
  }
}
