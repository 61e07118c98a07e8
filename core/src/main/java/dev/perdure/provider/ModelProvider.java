package dev.perdure.provider;

/**
 * One vendor's wire. Implementations are thread-safe and hold no state of a call.
 *
 * <p>The contract is checked by {@code ModelProviderContract}: the same script gives the same
 * events over every wire, and each fault ends in its documented {@link ProviderException.Kind}.
 */
public interface ModelProvider {

  /** The first half of a model name, as in {@code openai/gpt-5}. */
  String name();

  /**
   * Prepares a call without any input or output; the connection is made by the first {@link
   * ModelStream#next()}.
   */
  ModelStream open(ModelRequest request);
}
