package dev.perdure.provider.openai;

import dev.perdure.provider.ModelRequest.Role;
import dev.perdure.provider.ProviderSettings;
import java.util.Locale;
import java.util.Map;

/** What the requests of OpenAI's two wires have in common. Stateless. */
final class OpenAiRequests {
  private OpenAiRequests() {}

  /** The path after the base URL; a base URL that is a bare host means version 1. */
  static String path(ProviderSettings settings, String path) {
    String base = settings.baseUrl().getRawPath();
    return base == null || base.isEmpty() || base.equals("/") ? "/v1" + path : path;
  }

  static Map<String, String> headers(ProviderSettings settings) {
    return settings.apiKey() == null
        ? Map.of()
        : Map.of("Authorization", "Bearer " + settings.apiKey().reveal());
  }

  static String role(Role role) {
    return role.name().toLowerCase(Locale.ROOT);
  }
}
