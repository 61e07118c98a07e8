package dev.perdure.server.http;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.Providers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Which models a request may name. Thread-safe. */
public final class Models {
  private final Providers providers;

  public Models(Providers providers) {
    this.providers = providers;
  }

  /** The default model, for requests that name none. */
  public String fallback() {
    return providers.defaultModel();
  }

  /** Those that somebody who has to choose may be offered, the default one among them. */
  public List<String> offered() {
    return providers.offered();
  }

  /** Whether there is a provider for it. */
  public boolean knows(String model) {
    return providers.knows(model);
  }

  /**
   * The model itself; the default if it is null.
   *
   * @throws PerdureException UNKNOWN_MODEL
   */
  public String checked(@Nullable String model) {
    if (model == null) {
      return providers.defaultModel();
    }
    if (!providers.knows(Text.line("model", model))) {
      throw new PerdureException(
          ErrorCode.UNKNOWN_MODEL,
          "The model '"
              + Text.shown(model)
              + "' is not 'provider/model' with a configured provider. Configured: "
              + String.join(", ", providers.names())
              + ".");
    }
    return model;
  }
}
