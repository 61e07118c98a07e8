package dev.perdure.provider;

import dev.perdure.protocol.GenerationParams;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One call to a model.
 *
 * @param model the vendor's own name of the model, without the provider's prefix
 * @param instructions the system prompt; null for none
 * @param messages alternating history, oldest first; the last one is the user's
 * @param params sampling and length; absent values are left to the provider
 * @param limits how long silence is borne
 */
public record ModelRequest(
    String model,
    @Nullable String instructions,
    List<ModelMessage> messages,
    GenerationParams params,
    Limits limits) {

  public ModelRequest {
    messages = List.copyOf(messages);
  }

  public enum Role {
    USER,
    ASSISTANT
  }

  public record ModelMessage(Role role, String text) {}

  /**
   * @param connect until the connection stands, TLS included
   * @param firstToken from the request being sent to the first {@link ModelEvent.Delta}; pings and
   *     comments do not count
   * @param idle the longest silence on the wire after the first delta
   */
  public record Limits(Duration connect, Duration firstToken, Duration idle) {
    public static final Limits DEFAULT =
        new Limits(Duration.ofSeconds(10), Duration.ofSeconds(120), Duration.ofSeconds(60));
  }
}
