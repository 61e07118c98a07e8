package dev.perdure.provider.anthropic;

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
 * Anthropic Messages. Thread-safe. The base URL ends before {@code /v1/messages}; one that ends in
 * {@code /v1} is understood too.
 */
public final class AnthropicProvider implements ModelProvider {
  public static final URI DEFAULT_BASE_URL = URI.create("https://api.anthropic.com");

  private static final Pattern TEXT_ONLY = Pattern.compile("claude-(2|instant).*");

  /** The models from before the vendor had such a form. */
  private static final Pattern WITHOUT_FORM =
      Pattern.compile("claude-([23]|instant|(opus|sonnet)-4-(0|20)).*");

  private static final Set<String> FILES =
      Set.of("image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf");

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
  public boolean takes(String model, String mediaType) {
    return !TEXT_ONLY.matcher(model).matches() && FILES.contains(mediaType);
  }

  /** The vendor takes only schemas that it can enforce. */
  @Override
  public boolean forms(String model, ModelRequest.OutputSpec output) {
    return output.strict() && !WITHOUT_FORM.matcher(model).matches();
  }

  @Override
  public String toString() {
    return settings.toString();
  }
}
