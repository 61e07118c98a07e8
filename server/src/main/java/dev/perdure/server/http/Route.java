package dev.perdure.server.http;

import io.helidon.http.Method;

/**
 * One operation of the API.
 *
 * @param template the path, with its variable segments in braces
 * @param access what the caller must show
 */
public record Route(Method method, String template, Access access, Handler handler) {

  /** What a request must show before its handler sees it. */
  public enum Access {
    /** Nothing. */
    OPEN,
    /** A credential. */
    CALLER,
    /** A credential, or a stream token in the query. */
    STREAM,
    /** The same, of a protocol that has a refusal of its own for a server that is away. */
    READ,
    /**
     * A credential, or a stream token that was issued for this path; and no page of another origin,
     * which a browser would let open a WebSocket to anywhere.
     */
    SOCKET,
    /** A credential, unless the metrics are open. */
    METRICS,
    /** The token of a share, which the handler checks. */
    SHARE
  }

  /** Answers a request. */
  @FunctionalInterface
  public interface Handler {
    void handle(Exchange exchange) throws Exception;
  }

  String[] segments() {
    return template.substring(1).split("/", -1);
  }
}
