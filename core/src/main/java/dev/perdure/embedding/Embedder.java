package dev.perdure.embedding;

import dev.perdure.provider.ProviderException;
import java.time.Duration;
import java.util.List;

/**
 * Makes vectors of texts; the closer two texts are in meaning, the smaller the angle between their
 * vectors. Implementations are thread-safe.
 *
 * <p>A class of another jar that is named in {@code
 * META-INF/services/dev.perdure.embedding.Embedder} is offered to the settings by its {@link
 * #model()}. It is made without arguments, at the start of the server.
 */
public interface Embedder extends AutoCloseable {

  /**
   * Stands beside each vector: those of different names cannot be compared, so the name changes
   * with the model and with the number of dimensions. At most 200 visible ASCII characters.
   */
  String model();

  /** The most texts of one call. */
  int batch();

  /**
   * The vectors of the texts, in their order. They need not be of length 1.
   *
   * @param texts at least one, none of them blank
   * @param limit for all of it
   * @throws ProviderException INVALID or CONTENT_FILTER if one of the texts is at fault; anything
   *     else says that it may be tried again later
   */
  List<float[]> embed(List<String> texts, Duration limit) throws ProviderException;

  @Override
  default void close() {}
}
