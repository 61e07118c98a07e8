package dev.perdure.provider.http;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

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
    try (HttpCall call = new HttpCall(transport, uri)) {
      int status = call.send("GET", Map.of("Accept", "application/json"), null, limit, limit);
      @Nullable String type = call.header("content-type");
      if (status != 200
          || type == null
          || !type.toLowerCase(Locale.ROOT).startsWith("application/json")) {
        return Optional.empty();
      }
      byte[] body = call.body(MAX_BYTES);
      return Optional.of(ChunkJson.tree(body, body.length));
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
