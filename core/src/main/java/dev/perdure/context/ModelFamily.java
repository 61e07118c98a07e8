package dev.perdure.context;

import com.knuddels.jtokkit.api.EncodingType;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What the name of a model tells: how many tokens its window has, and how to count them. Immutable.
 *
 * <p>The windows are those of the vendors' model pages, for input and output together; where input
 * has a smaller limit of its own, that one. A name that is not known gets a window that every
 * current model has; the operator can say more.
 *
 * @param window in tokens
 * @param encoding the vendor's own, where it is public; null where tokens are estimated
 * @param factor what an estimate is multiplied by, so that it errs on the safe side
 */
record ModelFamily(int window, @Nullable EncodingType encoding, double factor) {
  static final int UNKNOWN_WINDOW = 32_768;

  /** Vendors without a public tokenizer; the newest ones of Anthropic make a third more tokens. */
  private static final double CLAUDE = 1.4;

  private static final double OTHER = 1.25;

  /** For an estimate where an exact count could follow: it must not be too low. */
  static final double ESTIMATED = 1.25;

  /** An exact count leaves out the few tokens that a vendor puts around messages and tools. */
  private static final double EXACT = 1.02;

  private record Rule(Pattern name, ModelFamily family) {}

  private static final List<Rule> RULES =
      List.of(
          exact("gpt-5.*", 272_000, EncodingType.O200K_BASE),
          exact("gpt-4\\.1.*", 1_047_576, EncodingType.O200K_BASE),
          exact("o1-(mini|preview).*", 128_000, EncodingType.O200K_BASE),
          exact("o[134](-.*)?", 200_000, EncodingType.O200K_BASE),
          exact("(chatgpt-4o|gpt-4o|gpt-4\\.5).*", 128_000, EncodingType.O200K_BASE),
          exact("gpt-oss.*", 131_072, EncodingType.O200K_BASE),
          exact("gpt-4-(turbo|0125|1106).*", 128_000, EncodingType.CL100K_BASE),
          exact("gpt-4-32k.*", 32_768, EncodingType.CL100K_BASE),
          exact("gpt-4.*", 8_192, EncodingType.CL100K_BASE),
          exact("gpt-3\\.5.*", 16_385, EncodingType.CL100K_BASE),
          estimated("claude-.*", 200_000, CLAUDE),
          estimated("gemini-.*", 1_048_576, OTHER),
          estimated("deepseek-.*", 65_536, OTHER),
          estimated("demo", 131_072, OTHER));

  private static Rule exact(String name, int window, EncodingType encoding) {
    return new Rule(Pattern.compile(name), new ModelFamily(window, encoding, EXACT));
  }

  private static Rule estimated(String name, int window, double factor) {
    return new Rule(Pattern.compile(name), new ModelFamily(window, null, factor));
  }

  /**
   * The family of a model.
   *
   * @param model {@code provider/model}; routers put a vendor's name in front of the model's
   */
  static ModelFamily of(String model) {
    String name = model.substring(model.lastIndexOf('/') + 1).toLowerCase(Locale.ROOT);
    for (Rule rule : RULES) {
      if (rule.name.matcher(name).matches()) {
        return rule.family;
      }
    }
    return new ModelFamily(UNKNOWN_WINDOW, null, OTHER);
  }

  ModelFamily withWindow(int tokens) {
    return new ModelFamily(tokens, encoding, factor);
  }
}
