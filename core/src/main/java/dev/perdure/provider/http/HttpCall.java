package dev.perdure.provider.http;

import dev.perdure.provider.ProviderException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One request to any server and its answer, bounded in time and size. It follows no redirects. One
 * thread sends and reads; {@link #close()} may be called by any, upon which the reader fails.
 */
public final class HttpCall implements AutoCloseable {
  private final Exchange exchange;
  private final Origin origin;
  private final URI uri;
  private @Nullable Head head;

  /** The answer has more bytes than are taken. */
  public static final class TooLargeException extends IOException {
    private static final long serialVersionUID = 1L;

    TooLargeException(int max) {
      super("The answer has more than " + max + " bytes.");
    }
  }

  /**
   * @param uri {@code http} or {@code https}, with a host
   */
  public HttpCall(Transport transport, URI uri) {
    this.uri = URI.create(uri.toASCIIString());
    this.origin = Origin.of(this.uri);
    this.exchange = new Exchange(transport, origin);
  }

  /**
   * Sends the request and reads the head of its answer.
   *
   * @param headers of one line each; what HTTP itself needs is added
   * @param connect for the connection, TLS included
   * @param answer from then on for everything
   * @return the status
   */
  public int send(
      String method,
      Map<String, String> headers,
      byte @Nullable [] body,
      Duration connect,
      Duration answer)
      throws IOException {
    String path = uri.getRawPath() == null || uri.getRawPath().isEmpty() ? "/" : uri.getRawPath();
    StringBuilder text = new StringBuilder(512);
    text.append(method).append(' ').append(path);
    if (uri.getRawQuery() != null) {
      text.append('?').append(uri.getRawQuery());
    }
    text.append(" HTTP/1.1\r\nHost: ").append(origin.authority());
    text.append("\r\nUser-Agent: perdure\r\nConnection: close");
    if (body != null) {
      text.append("\r\nContent-Length: ").append(body.length);
    }
    headers.forEach((name, value) -> {
      if (value.chars().anyMatch(c -> c < ' ' || c > '~')) {
        throw new IllegalArgumentException("The header " + name + " holds no visible ASCII.");
      }
      text.append("\r\n").append(name).append(": ").append(value);
    });
    byte[] start = text.append("\r\n\r\n").toString().getBytes(StandardCharsets.ISO_8859_1);
    byte[] request = new byte[start.length + (body == null ? 0 : body.length)];
    System.arraycopy(start, 0, request, 0, start.length);
    if (body != null) {
      System.arraycopy(body, 0, request, start.length, body.length);
    }
    head = exchange.send(request, connect, answer);
    return head.status();
  }

  /** A header of the answer; of several the first. */
  public @Nullable String header(String lowerCaseName) {
    return head == null ? null : head.header(lowerCaseName);
  }

  /** Whether the whole request went out, so that the server may have acted upon it. */
  public boolean sent() {
    return exchange.sent();
  }

  /** Whether it was its time that ended it. */
  public boolean expired() {
    return exchange.ending() == Exchange.Ending.EXPIRED;
  }

  /**
   * The whole body.
   *
   * @throws TooLargeException beyond the bound; the rest is not read
   */
  public byte[] body(int max) throws IOException {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    for (int n = exchange.available(); n > 0; n = exchange.available()) {
      if (body.size() + n > max) {
        throw new TooLargeException(max);
      }
      body.write(exchange.connection().buffer, exchange.connection().from, n);
      exchange.consume(n);
    }
    return body.toByteArray();
  }

  /** Feeds what comes next of the body to a parser of events; false at its end. */
  public boolean feed(SseParser parser) throws IOException, ProviderException {
    int n = exchange.available();
    if (n < 0) {
      return false;
    }
    Connection connection = exchange.connection();
    int from = connection.from;
    exchange.consume(n);
    parser.feed(connection.buffer, from, from + n);
    return true;
  }

  @Override
  public void close() {
    exchange.abort();
  }
}
