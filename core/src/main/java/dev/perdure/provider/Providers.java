package dev.perdure.provider;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The providers that are configured, by name, and the model that is used when a message names none.
 * Immutable.
 */
public final class Providers {
  private final Map<String, ModelProvider> byName = new LinkedHashMap<>();
  private final String defaultModel;

  /**
   * @param defaultModel {@code provider/model}, of one of the providers
   */
  public Providers(Collection<? extends ModelProvider> providers, String defaultModel) {
    for (ModelProvider provider : providers) {
      byName.put(provider.name(), provider);
    }
    this.defaultModel = defaultModel;
    resolve(defaultModel);
  }

  public String defaultModel() {
    return defaultModel;
  }

  public Collection<String> names() {
    return byName.keySet();
  }

  /** Whether a message may name this model. */
  public boolean knows(String name) {
    return find(name).isPresent();
  }

  /**
   * The provider and the vendor's model for {@code provider/model}.
   *
   * @throws PerdureException {@code UNKNOWN_MODEL}
   */
  public Target resolve(String name) {
    return find(name)
        .orElseThrow(() ->
            new PerdureException(
                ErrorCode.UNKNOWN_MODEL,
                "The model '"
                    + name
                    + "' is not 'provider/model' with a configured provider. Configured: "
                    + String.join(", ", byName.keySet())
                    + "."));
  }

  private Optional<Target> find(String name) {
    int slash = name.indexOf('/');
    if (slash <= 0 || slash == name.length() - 1) {
      return Optional.empty();
    }
    ModelProvider provider = byName.get(name.substring(0, slash));
    return Optional.ofNullable(provider).map(p -> new Target(p, name.substring(slash + 1)));
  }

  /** A provider and the vendor's own name of a model. */
  public record Target(ModelProvider provider, String model) {}
}
