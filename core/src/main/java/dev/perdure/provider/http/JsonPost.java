package dev.perdure.provider.http;

import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.ProviderSettings;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;

/**
 * Sends a JSON document to a provider and reads its whole answer, which is no stream, over a
 * connection that is kept for the next one. Stateless.
 */
public final class JsonPost {
  private static final int MAX_ERROR_BYTES = 64 * 1024;

  private JsonPost() {}

  /**
   * The body of an answer with status 200.
   *
   * @param path after the base URL's own, beginning with a slash
   * @param headers those of the vendor, credentials included
   * @param limit for the connection, and again for the answer
   * @param maxBytes of the answer
   */
  public static byte[] send(
      Transport transport,
      ProviderSettings settings,
      String path,
      Map<String, String> headers,
      byte[] request,
      Duration limit,
      int maxBytes)
      throws ProviderException {
    Origin origin = Origin.of(settings.baseUrl());
    String who = "The provider '" + settings.name() + "'";
    Refusal refusal = new Refusal(settings, transport.clock());
    Exchange exchange = new Exchange(transport, origin);
    boolean answered = false;
    boolean done = false;
    try {
      Head head = exchange.send(bytes(settings, path, headers, request), limit, limit);
      answered = true;
      byte[] body = body(exchange, head.status() == 200 ? maxBytes : MAX_ERROR_BYTES);
      exchange.release();
      done = true;
      if (head.status() != 200) {
        throw refusal.of(head, body);
      }
      return body;
    } catch (TooMuchException e) {
      throw new ProviderException(
          Kind.MALFORMED, who + " sent more than the " + maxBytes + " bytes that were expected.");
    } catch (BadHttpException e) {
      throw new ProviderException(
          Kind.MALFORMED, who + " gave an answer that is not HTTP: " + e.getMessage() + ".");
    } catch (IOException e) {
      throw broken(exchange, who + " at " + origin, answered, refusal, e);
    } finally {
      if (!done) {
        exchange.abort();
      }
    }
  }

  private static ProviderException broken(
      Exchange exchange, String who, boolean answered, Refusal refusal, IOException e) {
    return switch (exchange.ending()) {
      case ABORTED -> new ProviderException(Kind.CANCELLED, "The call was cancelled.");
      case EXPIRED ->
          new ProviderException(
              exchange.sent() ? Kind.FIRST_TOKEN_TIMEOUT : Kind.CONNECT,
              who + " did not answer in time.");
      case NONE, RELEASED ->
          answered
              ? new ProviderException(
                  Kind.TRUNCATED, who + " was cut off in the middle of its answer.", 0, null, e)
              : new ProviderException(
                  Kind.CONNECT,
                  who + " cannot be reached: " + refusal.safe(e.getMessage()),
                  0,
                  null,
                  e);
    };
  }

  private static byte[] bytes(
      ProviderSettings settings, String path, Map<String, String> headers, byte[] request) {
    String base = settings.baseUrl().getRawPath() == null ? "" : settings.baseUrl().getRawPath();
    StringBuilder head = new StringBuilder(512);
    head.append("POST ").append(base.replaceAll("/+$", "")).append(path);
    head.append(" HTTP/1.1\r\nHost: ").append(Origin.of(settings.baseUrl()).authority());
    head.append("\r\nUser-Agent: perdure\r\nAccept: application/json");
    head.append("\r\nContent-Type: application/json\r\nContent-Length: ").append(request.length);
    append(head, headers);
    append(head, settings.headers());
    byte[] start = head.append("\r\n\r\n").toString().getBytes(StandardCharsets.ISO_8859_1);
    byte[] all = new byte[start.length + request.length];
    System.arraycopy(start, 0, all, 0, start.length);
    System.arraycopy(request, 0, all, start.length, request.length);
    return all;
  }

  private static void append(StringBuilder head, Map<String, String> headers) {
    headers.forEach((name, value) -> head.append("\r\n").append(name).append(": ").append(value));
  }

  private static byte[] body(Exchange exchange, int max) throws IOException {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    for (int n = exchange.available(); n > 0; n = exchange.available()) {
      if (body.size() + n > max) {
        throw new TooMuchException();
      }
      Connection connection = exchange.connection();
      body.write(connection.buffer, connection.from, n);
      exchange.consume(n);
    }
    return body.toByteArray();
  }

  private static final class TooMuchException extends IOException {
    private static final long serialVersionUID = 1L;
  }
}
