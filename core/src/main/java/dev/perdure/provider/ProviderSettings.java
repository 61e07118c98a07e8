package dev.perdure.provider;

import java.net.URI;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where a provider is and how it is called. Nothing is connected by making one.
 *
 * @param name the first half of the model names that go there; small letters, digits and dashes
 * @param baseUrl {@code http} or {@code https}, with the path that comes before the vendor's own,
 *     such as {@code https://api.openai.com/v1}; no query, no user
 * @param apiKey null where a server needs none
 * @param headers sent with every call, besides those of the vendor's wire
 * @param maxOutputTokens for a request that does not say, on the wires that demand a number
 */
public record ProviderSettings(
    String name,
    URI baseUrl,
    @Nullable Secret apiKey,
    Map<String, String> headers,
    int maxOutputTokens) {

  /** Enough for a long answer, and allowed by every current model. */
  public static final int DEFAULT_MAX_OUTPUT_TOKENS = 8192;

  public ProviderSettings {
    if (!name.matches("[a-z0-9][a-z0-9._-]{0,63}")) {
      throw new IllegalArgumentException(
          "The provider name '" + name + "' is not of small letters, digits, '.', '_' and '-'.");
    }
    String scheme = baseUrl.getScheme() == null ? "" : baseUrl.getScheme().toLowerCase(Locale.ROOT);
    if (!(scheme.equals("http") || scheme.equals("https"))
        || baseUrl.getHost() == null
        || baseUrl.getRawQuery() != null
        || baseUrl.getRawFragment() != null
        || baseUrl.getRawUserInfo() != null) {
      throw new IllegalArgumentException(
          "The base URL of provider '"
              + name
              + "' is not http(s)://host[:port][/path] without user, query and fragment.");
    }
    headers = Map.copyOf(headers);
    headers.forEach((header, value) -> {
      if (!header.matches("[A-Za-z0-9-]+") || !value.matches("[\\x20-\\x7e]*")) {
        throw new IllegalArgumentException(
            "The extra header '"
                + header.replaceAll("[^!-~]", "?")
                + "' of provider '"
                + name
                + "' has a name or value that HTTP does not allow.");
      }
    });
    if (maxOutputTokens < 1) {
      throw new IllegalArgumentException(
          "maxOutputTokens of provider '" + name + "' is " + maxOutputTokens + ", below 1.");
    }
  }

  public ProviderSettings(String name, URI baseUrl, @Nullable Secret apiKey) {
    this(name, baseUrl, apiKey, Map.of(), DEFAULT_MAX_OUTPUT_TOKENS);
  }

  /** Names the headers but not their values, which may hold credentials. */
  @Override
  public String toString() {
    return name + " at " + baseUrl + " key " + apiKey + " headers " + headers.keySet();
  }
}
