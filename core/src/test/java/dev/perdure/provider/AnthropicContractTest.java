package dev.perdure.provider;

import dev.perdure.protocol.TokenUsage;
import dev.perdure.provider.anthropic.AnthropicProvider;
import dev.perdure.provider.http.Transport;

class AnthropicContractTest extends ModelProviderContract {
  @Override
  ModelProvider provider(ProviderSettings settings, Transport over) {
    return new AnthropicProvider(settings, over);
  }

  @Override
  TokenUsage told(TokenUsage usage) {
    return new TokenUsage(usage.input(), usage.output(), 0, usage.cached());
  }
}
