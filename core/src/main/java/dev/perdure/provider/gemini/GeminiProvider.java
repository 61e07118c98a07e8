package dev.perdure.provider.gemini;

import dev.perdure.provider.ModelProvider;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelStream;
import dev.perdure.provider.ProviderSettings;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.WireStream;
import java.net.URI;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Google Gemini. Thread-safe. The base URL ends before {@code /models/}; one without a path gets
 * {@code /v1beta}.
 */
public final class GeminiProvider implements ModelProvider {
  public static final URI DEFAULT_BASE_URL =
      URI.create("https://generativelanguage.googleapis.com");

  private static final Set<String> FILES =
      Set.of("image/png", "image/jpeg", "image/webp", "application/pdf");

  private static final Pattern WITHOUT_FORM = Pattern.compile("gemini-[12]\\..*|gemma.*");

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
  public boolean takes(String model, String mediaType) {
    return FILES.contains(mediaType) && !model.startsWith("gemma");
  }

  /**
   * Models before the third generation do not combine it with tools, so those are told in words.
   */
  @Override
  public boolean forms(String model, ModelRequest.OutputSpec output) {
    return !WITHOUT_FORM.matcher(model).matches();
  }

  @Override
  public String toString() {
    return settings.toString();
  }
}
