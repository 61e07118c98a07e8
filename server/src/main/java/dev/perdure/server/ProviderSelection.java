package dev.perdure.server;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.BreakerPolicy;
import dev.perdure.provider.GuardedProvider;
import dev.perdure.provider.ModelProvider;
import dev.perdure.provider.ProviderSettings;
import dev.perdure.provider.Providers;
import dev.perdure.provider.Secret;
import dev.perdure.provider.anthropic.AnthropicProvider;
import dev.perdure.provider.demo.DemoProvider;
import dev.perdure.provider.gemini.GeminiProvider;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.openai.LocalServers.LocalServer;
import dev.perdure.provider.openai.OpenAiChatProvider;
import dev.perdure.provider.openai.OpenAiResponsesProvider;
import dev.perdure.server.config.PerdureConfig;
import dev.perdure.server.config.PerdureConfig.Provider.Kind;
import java.net.URI;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Which providers a server has: those that are configured, else a model server on this machine,
 * else the demo. Immutable.
 *
 * @param summary for the operator: which there are, and how to come to others
 */
record ProviderSelection(Providers providers, String summary) {
  private static final String OPENAI = "openai";
  private static final String RESPONSES = "openai-responses";
  private static final String DEMO_MODEL = DemoProvider.NAME + "/demo";
  private static final String HOW_TO =
      "for others set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY";

  /** Models by the name of a provider that is the vendor's own, so that its models are known. */
  private static final Map<String, String> USUAL_MODELS =
      Map.of(
          OPENAI,
          "gpt-5-mini",
          RESPONSES,
          "gpt-5-mini",
          "anthropic",
          "claude-sonnet-4-5",
          "gemini",
          "gemini-2.5-flash");

  /**
   * @param local looks for model servers; asked only if no provider is configured
   * @throws PerdureException CONFIG if there would be no default model
   */
  static ProviderSelection select(
      PerdureConfig config,
      Supplier<List<LocalServer>> local,
      Transport transport,
      InstantSource clock) {
    Map<String, ModelProvider> providers = new LinkedHashMap<>();
    Map<String, Integer> maxCalls = new HashMap<>();
    config.providers().forEach((name, given) -> maxCalls.put(name, given.maxCalls()));
    config
        .providers()
        .forEach((name, given) -> providers.put(name, make(name, given, transport, clock)));
    PerdureConfig.Provider openAi = config.providers().get(OPENAI);
    if (openAi != null && openAi.wire() == Kind.OPENAI && !providers.containsKey(RESPONSES)) {
      PerdureConfig.Provider newer =
          new PerdureConfig.Provider(
              Kind.OPENAI_RESPONSES, openAi.baseUrl(), openAi.apiKey(), openAi.maxCalls());
      providers.put(RESPONSES, make(RESPONSES, newer, transport, clock));
      maxCalls.put(RESPONSES, newer.maxCalls());
    }
    String model = usualModel(config);
    String remark = "";
    if (providers.isEmpty()) {
      List<LocalServer> found = config.detectLocalServers() ? local.get() : List.of();
      for (LocalServer each : found) {
        PerdureConfig.Provider given =
            new PerdureConfig.Provider(Kind.OPENAI, each.baseUrl(), null);
        providers.put(each.name(), make(each.name(), given, transport, clock));
      }
      if (!found.isEmpty()) {
        LocalServer first = found.getFirst();
        model = first.name() + "/" + first.models().getFirst();
        remark = " (found at " + first.baseUrl() + "; " + HOW_TO + ")";
      } else if (config.demo()) {
        model = DEMO_MODEL;
        remark = " (a built-in script, not a model; " + HOW_TO + ")";
      }
    }
    if (config.demo()) {
      providers.putIfAbsent(DemoProvider.NAME, new DemoProvider(clock));
    }
    String wanted = config.defaultModel();
    ProviderSelection selection =
        wanted == null
            ? finish(providers, maxCalls, model, remark)
            : finish(providers, maxCalls, wanted, "");
    String summing = config.engine().context().summaries().model();
    if (summing != null && !selection.providers().knows(summing)) {
      throw illegal(
          "engine.context.summaries.model is '"
              + summing
              + "', which is not 'provider/model' with a configured provider. Configured: "
              + String.join(", ", selection.providers().names())
              + ".");
    }
    return selection;
  }

  private static @Nullable String usualModel(PerdureConfig config) {
    for (String name : config.providers().keySet()) {
      if (USUAL_MODELS.containsKey(name)) {
        return name + "/" + USUAL_MODELS.get(name);
      }
    }
    return null;
  }

  private static List<String> usual(Map<String, ModelProvider> providers) {
    List<String> usual = new ArrayList<>();
    for (String name : providers.keySet()) {
      if (name.equals(DemoProvider.NAME)) {
        // The demo answers to any name: two, so that a comparison can be tried without a key.
        usual.addAll(List.of("demo/demo", "demo/other"));
      } else if (USUAL_MODELS.containsKey(name)) {
        usual.add(name + "/" + USUAL_MODELS.get(name));
      }
    }
    return usual;
  }

  private static ProviderSelection finish(
      Map<String, ModelProvider> providers,
      Map<String, Integer> maxCalls,
      @Nullable String model,
      String remark) {
    if (providers.isEmpty()) {
      throw illegal(
          "No provider is configured, none was found on this machine, and 'demo' is false. Set an"
              + " API key, such as OPENAI_API_KEY, or 'demo' to true.");
    }
    if (model == null) {
      throw illegal(
          "defaultModel is missing, and none of the providers "
              + String.join(", ", providers.keySet())
              + " has a usual model. Set it to 'provider/model'.");
    }
    try {
      Providers all = new Providers(providers.values(), model, usual(providers), maxCalls);
      return new ProviderSelection(
          all, String.join(", ", all.names()) + "; default " + model + remark);
    } catch (PerdureException e) {
      throw illegal("defaultModel: " + e.getMessage());
    }
  }

  private static ModelProvider make(
      String name, PerdureConfig.Provider given, Transport transport, InstantSource clock) {
    URI url = given.baseUrl();
    dev.perdure.server.config.Secret key = given.apiKey();
    try {
      ProviderSettings settings =
          new ProviderSettings(
              name,
              url == null ? vendorUrl(given.wire()) : url,
              key == null ? null : new Secret(key.value()));
      ModelProvider provider =
          switch (given.wire()) {
            case OPENAI -> new OpenAiChatProvider(settings, transport);
            case OPENAI_RESPONSES -> new OpenAiResponsesProvider(settings, transport);
            case ANTHROPIC -> new AnthropicProvider(settings, transport);
            case GEMINI -> new GeminiProvider(settings, transport);
          };
      return new GuardedProvider(provider, BreakerPolicy.DEFAULT, clock);
    } catch (IllegalArgumentException e) {
      throw illegal("providers." + name + ": " + e.getMessage());
    }
  }

  private static URI vendorUrl(Kind kind) {
    return switch (kind) {
      case OPENAI, OPENAI_RESPONSES -> OpenAiChatProvider.DEFAULT_BASE_URL;
      case ANTHROPIC -> AnthropicProvider.DEFAULT_BASE_URL;
      case GEMINI -> GeminiProvider.DEFAULT_BASE_URL;
    };
  }

  private static PerdureException illegal(String message) {
    return new PerdureException(ErrorCode.CONFIG, message);
  }
}
