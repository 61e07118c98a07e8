package dev.perdure.provider.gemini;

import dev.perdure.provider.ModelProvider;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelStream;
import dev.perdure.provider.ProviderSettings;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.WireStream;
import java.net.URI;

/**
 * Google Gemini. Thread-safe. The base URL ends before {@code /models/}; one without a path gets
 * {@code /v1beta}.
 */
public final class GeminiProvider implements ModelProvider {
  public static final URI DEFAULT_BASE_URL =
      URI.create("https://generativelanguage.googleapis.com");

  private final ProviderSettings settings;
  private final Transport transport;

  public GeminiProvider(ProviderSettings settings, Transport transport) {
    this.settings = settings;
    this.transport = transport;
  }

  @Override
  public String name() {
    return settings.name();
  }

  @Override
  public ModelStream open(ModelRequest request) {
    return new WireStream(transport, settings, request.limits(), new GeminiWire(settings, request));
  }

  @Override
  public String toString() {
    return settings.toString();
  }
}
