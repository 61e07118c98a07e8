package dev.perdure.provider;

import dev.perdure.provider.gemini.GeminiProvider;
import dev.perdure.provider.http.Transport;

class GeminiContractTest extends ModelProviderContract {
  @Override
  ModelProvider provider(ProviderSettings settings, Transport over) {
    return new GeminiProvider(settings, over);
  }
}
