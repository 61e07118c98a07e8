package dev.perdure.context;

import dev.perdure.provider.ModelRequest.Limits;

/**
 * The call to a model that a context is for.
 *
 * @param attempt of the lane
 * @param model {@code provider/model}
 */
public record ModelCall(int lane, int step, int attempt, String model, Limits limits) {
  /** The vendor's own name of the model. */
  String vendorModel() {
    return model.substring(model.indexOf('/') + 1);
  }
}
