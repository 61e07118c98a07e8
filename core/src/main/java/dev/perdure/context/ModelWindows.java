package dev.perdure.context;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The families of models, with the windows that the operator has set. Immutable. */
final class ModelWindows {
  private static final int MIN_WINDOW = 1_024;
  private static final int MAX_WINDOW = 100_000_000;

  private record Given(String model, boolean prefix, int tokens) {
    boolean fits(String name) {
      return prefix ? name.startsWith(model) : name.equals(model);
    }
  }

  private final List<Given> given = new ArrayList<>();

  /**
   * @param windows as in {@link ContextSettings}
   * @throws PerdureException CONFIG
   */
  ModelWindows(List<String> windows) {
    for (String each : windows) {
      int at = each.lastIndexOf('=');
      String model = each.substring(0, Math.max(at, 0)).strip().toLowerCase(Locale.ROOT);
      String tokens = each.substring(at + 1).strip();
      if (model.isEmpty()
          || !tokens.matches("[0-9]{1,9}")
          || Integer.parseInt(tokens) < MIN_WINDOW
          || Integer.parseInt(tokens) > MAX_WINDOW) {
        throw new PerdureException(
            ErrorCode.CONFIG,
            "engine.context.windows holds '"
                + each
                + "', which is not MODEL=TOKENS with "
                + MIN_WINDOW
                + " to "
                + MAX_WINDOW
                + " tokens. Write, for instance, 'ollama/*=8192'.");
      }
      boolean prefix = model.endsWith("*");
      given.add(
          new Given(
              prefix ? model.substring(0, model.length() - 1) : model,
              prefix,
              Integer.parseInt(tokens)));
    }
  }

  /** The family of {@code provider/model}. */
  ModelFamily of(String model) {
    ModelFamily family = ModelFamily.of(model);
    String name = model.toLowerCase(Locale.ROOT);
    for (Given each : given) {
      if (each.fits(name)) {
        return family.withWindow(each.tokens);
      }
    }
    return family;
  }
}
