package dev.perdure.server.config;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The command line of {@code start}: {@code --port 8080} or {@code --port=8080}.
 *
 * @param configFile from {@code --config}; null without
 */
record Flags(@Nullable String configFile, Map<String, Given> given) {
  private static final String CONFIG = "--config";
  private static final String SET = "--set";

  static Flags parse(List<String> args) {
    String file = null;
    Map<String, Given> given = new LinkedHashMap<>();
    Iterator<String> rest = args.iterator();
    while (rest.hasNext()) {
      String arg = rest.next();
      int equals = arg.indexOf('=');
      String flag = equals < 0 ? arg : arg.substring(0, equals);
      String name = nameOf(flag);
      String value = equals < 0 ? next(flag, rest) : arg.substring(equals + 1);
      if (flag.equals(CONFIG)) {
        file = value;
      } else if (flag.equals(SET)) {
        set(value, given);
      } else {
        given.put(name, new Given(value, flag));
      }
    }
    return new Flags(file, given);
  }

  private static String nameOf(String flag) {
    if (flag.equals(CONFIG) || flag.equals(SET)) {
      return flag;
    }
    return find(flag)
        .orElseThrow(() -> {
          List<String> known = new ArrayList<>(List.of(CONFIG, SET));
          Keys.ALL.stream().map(k -> k.key().flag()).filter(f -> !f.isEmpty()).forEach(known::add);
          String fix = flag.startsWith("-") ? " Did you mean " + Nearest.to(flag, known) + "?" : "";
          return PerdureConfig.illegal(
              "'"
                  + flag
                  + "' is not known to 'perdure start'."
                  + fix
                  + " Known: "
                  + String.join(", ", known)
                  + ".");
        });
  }

  private static Optional<String> find(String flag) {
    return Keys.ALL.stream()
        .filter(k -> !flag.isEmpty() && k.key().flag().equals(flag))
        .map(KeySpec::name)
        .findFirst();
  }

  private static String next(String flag, Iterator<String> rest) {
    if (!rest.hasNext()) {
      throw PerdureConfig.illegal(flag + " needs a value after it.");
    }
    return rest.next();
  }

  private static void set(String value, Map<String, Given> given) {
    int equals = value.indexOf('=');
    if (equals <= 0) {
      throw PerdureConfig.illegal(
          "--set needs 'name=value' after it, such as --set engine.turnTimeLimit=5m.");
    }
    given.put(value.substring(0, equals), new Given(value.substring(equals + 1), SET));
  }
}
