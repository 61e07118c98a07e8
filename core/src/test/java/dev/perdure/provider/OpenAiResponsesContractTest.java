package dev.perdure.provider;

import dev.perdure.provider.http.Transport;
import dev.perdure.provider.openai.OpenAiResponsesProvider;

class OpenAiResponsesContractTest extends ModelProviderContract {
  @Override
  ModelProvider provider(ProviderSettings settings, Transport over) {
    return new OpenAiResponsesProvider(settings, over);
  }

  @Override
  String toolModel() {
    return "gpt-5";
  }
}
