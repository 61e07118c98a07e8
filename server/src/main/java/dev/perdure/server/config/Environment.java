package dev.perdure.server.config;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads settings from environment variables. An empty variable counts as absent. */
final class Environment {
  /** Names the file of settings. */
  static final String CONFIG_FILE = "PERDURE_CONFIG";

  /** Variables of the launcher and of {@code perdure chat}, which are no settings of a server. */
  private static final Set<String> OTHERS =
      Set.of(
          CONFIG_FILE, "PERDURE_JAVA_HOME", "PERDURE_JAVA_OPTS", "PERDURE_URL", "PERDURE_API_KEY");

  /**
   * What Kubernetes sets in every pod for a service that is named perdure; besides, PERDURE_PORT is
   * then a URL.
   */
  private static final Pattern KUBERNETES =
      Pattern.compile("PERDURE_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT_\\d+_(TCP|UDP|SCTP)(_.*)?)");

  /** Whose own variables are read: {@code OPENAI_API_KEY}, {@code OPENAI_BASE_URL} and so on. */
  static final List<String> VENDORS = List.of("openai", "anthropic", "gemini");

  /** The words of a provider's variable; its name has no underscore, so there is one reading. */
  private static final Pattern PROVIDER =
      Pattern.compile("PERDURE_PROVIDERS_([A-Z][A-Z0-9_]*)_(KIND|BASE_URL|API_KEY|MAX_CALLS)");

  private Environment() {}

  static Map<String, Given> read(Map<String, String> env) {
    Map<String, Given> out = new LinkedHashMap<>();
    for (String vendor : VENDORS) {
      String words = vendor.toUpperCase(Locale.ROOT);
      take(env, words + "_API_KEY", Keys.PROVIDERS + vendor + ".apiKey", out);
      take(env, words + "_BASE_URL", Keys.PROVIDERS + vendor + ".baseUrl", out);
    }
    Map<String, Given> own = new LinkedHashMap<>();
    new TreeMap<>(env)
        .forEach((variable, value) -> {
          if (variable.startsWith(Keys.ENV_PREFIX)
              && !value.isBlank()
              && !foreign(variable, value)) {
            KeySpec spec = find(variable).orElseThrow(() -> unknown(variable));
            Given given = new Given(value.strip(), variable);
            Given other = own.put(spec.name(), given);
            if (other != null && !other.text().equals(given.text())) {
              throw PerdureConfig.illegal(
                  other.origin()
                      + " and "
                      + variable
                      + " both set "
                      + spec.name()
                      + ", to different values. Keep one of them.");
            }
          }
        });
    out.putAll(own);
    return out;
  }

  private static boolean foreign(String variable, String value) {
    return OTHERS.contains(variable)
        || KUBERNETES.matcher(variable).matches()
        || (variable.equals("PERDURE_PORT") && value.startsWith("tcp://"));
  }

  private static void take(
      Map<String, String> env, String variable, String name, Map<String, Given> out) {
    String value = env.getOrDefault(variable, "");
    if (!value.isBlank()) {
      out.put(name, new Given(value.strip(), variable));
    }
  }

  private static Optional<KeySpec> find(String variable) {
    for (KeySpec spec : Keys.ALL) {
      boolean pattern = spec.name().contains("*");
      if (!pattern && (spec.env().equals(variable) || spec.key().env().equals(variable))) {
        return Optional.of(spec);
      }
    }
    Matcher provider = PROVIDER.matcher(variable);
    if (provider.matches()) {
      String name = provider.group(1).toLowerCase(Locale.ROOT).replace('_', '-');
      return switch (provider.group(2)) {
        case "KIND" -> Keys.find(Keys.PROVIDERS + name + ".kind");
        case "BASE_URL" -> Keys.find(Keys.PROVIDERS + name + ".baseUrl");
        case "MAX_CALLS" -> Keys.find(Keys.PROVIDERS + name + ".maxCalls");
        default -> Keys.find(Keys.PROVIDERS + name + ".apiKey");
      };
    }
    return Optional.empty();
  }

  private static RuntimeException unknown(String variable) {
    List<String> known = new ArrayList<>(OTHERS);
    for (KeySpec spec : Keys.ALL) {
      if (spec.hasVariable()) {
        known.add(spec.env());
      }
      if (!spec.key().env().isEmpty()) {
        known.add(spec.key().env());
      }
    }
    return PerdureConfig.illegal(
        "The environment variable "
            + variable
            + " is not known. Did you mean "
            + Nearest.to(variable, known)
            + "? 'perdure config --docs' lists all.");
  }
}
