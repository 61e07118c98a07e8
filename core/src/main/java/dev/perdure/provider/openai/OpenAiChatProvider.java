package dev.perdure.provider.openai;

import dev.perdure.provider.ModelProvider;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelStream;
import dev.perdure.provider.ProviderSettings;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.WireStream;
import java.net.URI;

/**
 * OpenAI chat completions, and every server that speaks them: Ollama, LM Studio, llama.cpp, vLLM,
 * OpenRouter and others. Thread-safe.
 *
 * <p>The base URL ends before {@code /chat/completions}; one without a path gets {@code /v1}.
 */
public final class OpenAiChatProvider implements ModelProvider {
  public static final URI DEFAULT_BASE_URL = URI.create("https://api.openai.com/v1");

  private final ProviderSettings settings;
  private final Transport transport;

  public OpenAiChatProvider(ProviderSettings settings, Transport transport) {
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
        transport, settings, request.limits(), new OpenAiChatWire(settings, request));
  }

  @Override
  public boolean takes(String model, String mediaType) {
    return OpenAiRequests.takes(settings, model, mediaType);
  }

  @Override
  public boolean forms(String model, ModelRequest.OutputSpec output) {
    return true;
  }

  @Override
  public String toString() {
    return settings.toString();
  }
}
