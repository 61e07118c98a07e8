package dev.perdure.protocol;

import org.jspecify.annotations.Nullable;

/**
 * Sampling and length of a reply; what is null is left to the provider.
 *
 * @param maxOutputTokens at least 1
 * @param temperature 0 to 2
 * @param topP above 0, at most 1
 */
public record GenerationParams(
    @Nullable Integer maxOutputTokens, @Nullable Double temperature, @Nullable Double topP) {
  public static final GenerationParams NONE = new GenerationParams(null, null, null);
}
