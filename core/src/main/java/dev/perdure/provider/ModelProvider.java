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

  /**
   * Whether a model can be given files of this type as they are. Says yes for a model that is not
   * known, which may then refuse.
   *
   * @param model the vendor's own name of the model
   * @param mediaType such as {@code image/png}
   */
  default boolean takes(String model, String mediaType) {
    return false;
  }

  /**
   * Whether the wire has a form of its own for this output, so that the model need not be told of
   * it in words.
   */
  default boolean forms(String model, ModelRequest.OutputSpec output) {
    return false;
  }
}
