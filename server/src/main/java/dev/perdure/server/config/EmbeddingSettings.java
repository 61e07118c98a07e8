package dev.perdure.server.config;

import java.net.URI;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Finding by meaning besides finding by words; section {@code embeddings}. Off without a model. */
public record EmbeddingSettings(
    @Key(
            text =
                "The model whose vectors documents and messages are found by, as its server calls"
                    + " it. Without it they are found by their words only.")
        @Nullable String model,
    @Key(
            text =
                "The URL of a server with OpenAI's /embeddings, without that path, such as"
                    + " https://api.openai.com/v1 or http://127.0.0.1:11434/v1. Texts are sent"
                    + " there. Without it the model is one that a jar on the class path brings.")
        @Nullable URI baseUrl,
    @Key(text = "The API key of that server.") @Nullable Secret apiKey,
    @Key(
            byDefault = "0",
            min = "0",
            max = "8192",
            text =
                "How many dimensions to ask for; 0 for as many as the model has by itself. Another"
                    + " number makes all vectors anew, as another model does.")
        int dimensions,
    @Key(byDefault = "64", min = "1", max = "2048", text = "The most texts of one call.") int batch,
    @Key(byDefault = "30s", min = "100ms", max = "10m", text = "The longest that a call may take.")
        Duration timeout,
    @Key(
            byDefault = "300ms",
            min = "1ms",
            max = "30s",
            text =
                "How long a turn waits for the vector of its question; then it goes on with what"
                    + " was found by words.")
        Duration questionTimeout,
    @Key(
            byDefault = "30",
            min = "0",
            max = "100",
            text = "The least similarity of what counts as found: the cosine in percent.")
        int minSimilarity,
    @Key(
            byDefault = "64MiB",
            min = "1MiB",
            max = "1GiB",
            text =
                "Memory of this node for vectors that were searched lately, a byte for each"
                    + " dimension. Of an owner or session with more than half of that, the newest"
                    + " are searched.")
        ByteSize cacheSize) {
  public EmbeddingSettings {
    Keys.check(
        EmbeddingSettings.class,
        model,
        baseUrl,
        apiKey,
        dimensions,
        batch,
        timeout,
        questionTimeout,
        minSimilarity,
        cacheSize);
    if (model == null && (baseUrl != null || apiKey != null)) {
      throw PerdureConfig.illegal(
          "embeddings.model is missing while embeddings.baseUrl or embeddings.apiKey is set, so"
              + " that nothing would be sent there. Set it, or remove the others.");
    }
    if (model != null && !model.matches("[!-~]{1,150}")) {
      throw PerdureConfig.illegal(
          "embeddings.model is '"
              + model.replaceAll("[^!-~]", "?")
              + "'. Give it up to 150 visible ASCII characters.");
    }
  }
}
