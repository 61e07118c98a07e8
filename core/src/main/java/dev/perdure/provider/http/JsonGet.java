package dev.perdure.provider.http;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;

/** Asks a server for a small JSON document, to see whether it is there. Stateless. */
public final class JsonGet {
  private static final int MAX_BYTES = 1024 * 1024;

  private JsonGet() {}

  /**
   * The document, or empty if there is none with status 200 in time.
   *
   * @param limit for all of it
   */
  public static Optional<JsonNode> get(Transport transport, URI uri, Duration limit) {
    Origin origin = Origin.of(uri);
    Exchange exchange = new Exchange(transport, origin);
    String request =
        "GET "
            + uri.getRawPath()
            + " HTTP/1.1\r\nHost: "
            + origin.authority()
            + "\r\nUser-Agent: perdure\r\nAccept: application/json\r\nConnection: close\r\n\r\n";
    try {
      Head head = exchange.send(request.getBytes(StandardCharsets.US_ASCII), limit, limit);
      String type = head.headers().getOrDefault("content-type", "").toLowerCase(Locale.ROOT);
      if (head.status() != 200 || !type.startsWith("application/json")) {
        return Optional.empty();
      }
      ByteArrayOutputStream body = new ByteArrayOutputStream();
      for (int n = exchange.available(); n > 0; n = exchange.available()) {
        if (body.size() + n > MAX_BYTES) {
          return Optional.empty();
        }
        body.write(exchange.connection().buffer, exchange.connection().from, n);
        exchange.consume(n);
      }
      return Optional.of(ChunkJson.tree(body.toByteArray(), body.size()));
    } catch (IOException e) {
      return Optional.empty();
    } finally {
      exchange.abort();
    }
  }
}
