package dev.perdure.provider;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The providers that are configured, by name, and the model that is used when a message names none.
 * Immutable.
 */
public final class Providers {
  private final Map<String, ModelProvider> byName = new LinkedHashMap<>();
  private final Map<String, Integer> maxCalls;
  private final String defaultModel;
  private final List<String> offered;

  /**
   * @param defaultModel {@code provider/model}, of one of the providers
   */
  public Providers(Collection<? extends ModelProvider> providers, String defaultModel) {
    this(providers, defaultModel, List.of(), Map.of());
  }

  /**
   * @param usual further models that are worth offering; those of other providers are left out
   * @param maxCalls how many calls may be made to a provider at the same time; those without an
   *     entry have no limit
   */
  public Providers(
      Collection<? extends ModelProvider> providers,
      String defaultModel,
      List<String> usual,
      Map<String, Integer> maxCalls) {
    this.maxCalls = Map.copyOf(maxCalls);
    for (ModelProvider provider : providers) {
      byName.put(provider.name(), provider);
    }
    this.defaultModel = defaultModel;
    resolve(defaultModel);
    Set<String> offer = new LinkedHashSet<>();
    offer.add(defaultModel);
    usual.stream().filter(this::knows).forEach(offer::add);
    this.offered = List.copyOf(offer);
  }

  public String defaultModel() {
    return defaultModel;
  }

  public Collection<String> names() {
    return byName.keySet();
  }

  /** How models have done lately, those of providers that are watched. */
  public List<ModelHealth> health() {
    List<ModelHealth> out = new ArrayList<>();
    for (ModelProvider provider : byName.values()) {
      if (provider instanceof GuardedProvider guarded) {
        out.addAll(guarded.health());
      }
    }
    return out;
  }

  /** Models that somebody who has to choose may be offered; there are more. */
  public List<String> offered() {
    return offered;
  }

  /** How many calls may be made to the provider at the same time. */
  public int maxCalls(String provider) {
    return maxCalls.getOrDefault(provider, Integer.MAX_VALUE);
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
