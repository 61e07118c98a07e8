package dev.perdure.context;

import dev.perdure.provider.ModelProvider;
import dev.perdure.provider.ModelRequest.Limits;
import dev.perdure.provider.ModelRequest.OutputSpec;
import org.jspecify.annotations.Nullable;

/**
 * The call to a model that a context is for.
 *
 * @param attempt of the lane
 * @param model {@code provider/model}
 * @param provider of the model; null where nothing is known of it
 * @param offered the tools that the model is told of
 */
public record ModelCall(
    int lane,
    int step,
    int attempt,
    String model,
    Limits limits,
    @Nullable ModelProvider provider,
    Offered offered) {

  /** A call to a model of which nothing is known. */
  ModelCall(int lane, int step, int attempt, String model, Limits limits) {
    this(lane, step, attempt, model, limits, null, Offered.NONE);
  }

  /** The vendor's own name of the model. */
  String vendorModel() {
    return model.substring(model.indexOf('/') + 1);
  }

  boolean takes(String mediaType) {
    return provider != null && provider.takes(vendorModel(), mediaType);
  }

  boolean forms(OutputSpec output) {
    return provider != null && provider.forms(vendorModel(), output);
  }
}
