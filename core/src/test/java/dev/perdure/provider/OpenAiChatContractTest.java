package dev.perdure.provider;

import dev.perdure.provider.http.Transport;
import dev.perdure.provider.openai.OpenAiChatProvider;

class OpenAiChatContractTest extends ModelProviderContract {
  @Override
  ModelProvider provider(ProviderSettings settings, Transport over) {
    return new OpenAiChatProvider(settings, over);
  }
}
