package dev.perdure.provider.anthropic;

import dev.perdure.provider.ModelProvider;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelStream;
import dev.perdure.provider.ProviderSettings;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.WireStream;
import java.net.URI;

/**
 * Anthropic Messages. Thread-safe. The base URL ends before {@code /v1/messages}; one that ends in
 * {@code /v1} is understood too.
 */
public final class AnthropicProvider implements ModelProvider {
  public static final URI DEFAULT_BASE_URL = URI.create("https://api.anthropic.com");

  private final ProviderSettings settings;
  private final Transport transport;

  public AnthropicProvider(ProviderSettings settings, Transport transport) {
    this.settings = settings;
    this.transport = transport;
  }

  @Override
  public String name() {
    return settings.name();
  }

  @Override
  public ModelStream open(ModelRequest request) {
    return new WireStream(
        transport, settings, request.limits(), new AnthropicWire(settings, request));
  }

  @Override
  public String toString() {
    return settings.toString();
  }
}
