package dev.perdure.provider.http;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.provider.ProviderException;
import java.io.IOException;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One vendor's language, for one call: it may keep what it needs of the answer. For one thread. */
public interface Wire {

  /** What to send. */
  Request request();

  /**
   * Understands one event of the stream.
   *
   * @param name null where the event has none
   * @param data valid during the call only
   * @throws com.fasterxml.jackson.core.JsonProcessingException for data that is not JSON
   * @throws ProviderException for an error inside the stream
   */
  void event(@Nullable String name, byte[] data, int length, Reply reply)
      throws IOException, ProviderException;

  /**
   * The stream has ended cleanly and nothing was finished. A wire without a terminator finishes the
   * reply here if it saw a reason; otherwise the reply is truncated.
   */
  void end(Reply reply);

  /**
   * @param path after the base URL's own, beginning with a slash
   * @param headers those of the vendor, credentials included
   */
  record Request(String path, Map<String, String> headers, JsonNode body) {}
}
