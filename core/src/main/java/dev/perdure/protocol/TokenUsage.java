package dev.perdure.protocol;

/**
 * What a provider says it counted, in tokens. {@code reasoning} is contained in {@code output},
 * {@code cached} in {@code input}; zero where a provider does not tell.
 */
public record TokenUsage(long input, long output, long reasoning, long cached) {
  public static final TokenUsage ZERO = new TokenUsage(0, 0, 0, 0);

  public TokenUsage plus(TokenUsage other) {
    return new TokenUsage(
        input + other.input,
        output + other.output,
        reasoning + other.reasoning,
        cached + other.cached);
  }
}
