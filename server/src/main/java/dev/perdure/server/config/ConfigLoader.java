package dev.perdure.server.config;

import dev.perdure.protocol.PerdureException;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Puts the tree together: defaults, then the file, then the environment, then the command line;
 * what comes later wins. Whatever is not understood stops the start, with its place and the nearest
 * known name. Used once, by one thread.
 */
public final class ConfigLoader {
  /** Read if it is in the working directory and no other file is named. */
  static final String DEFAULT_FILE = "perdure.yaml";

  private static final int MAX_TEXT_CHARS = 64 * 1024;

  private final Map<String, Given> given;

  private ConfigLoader(Map<String, Given> given) {
    this.given = given;
  }

  /**
   * @param args the command line after {@code start}
   * @throws PerdureException CONFIG
   */
  public static PerdureConfig load(List<String> args, Map<String, String> env, Path directory) {
    return new ConfigLoader(merge(args, env, directory)).bind();
  }

  /** Every setting with its value and where it comes from, secrets masked: one a line. */
  public static List<String> explain(List<String> args, Map<String, String> env, Path directory) {
    Map<String, Given> given = merge(args, env, directory);
    new ConfigLoader(given).bind();
    List<String> out = new ArrayList<>();
    for (KeySpec spec : Keys.ALL) {
      for (String name : namesOf(spec, given)) {
        out.add(explain(spec, name, given.get(name)));
      }
    }
    return out;
  }

  private static String explain(KeySpec spec, String name, @Nullable Given value) {
    if (value == null) {
      String byDefault = spec.key().byDefault();
      return name + " = " + (byDefault.isEmpty() ? "(none)" : byDefault + "  (default)");
    }
    Object parsed = Values.parse(spec.type(), value.text());
    return name + " = " + Values.masked(Values.write(parsed)) + "  (" + value.origin() + ")";
  }

  private static List<String> namesOf(KeySpec spec, Map<String, Given> given) {
    if (!spec.name().contains("*")) {
      return List.of(spec.name());
    }
    String map = spec.name().substring(0, spec.name().indexOf('*'));
    return namesIn(map, given).stream()
        .map(each -> spec.named(each).name())
        .filter(given::containsKey)
        .toList();
  }

  private static Map<String, Given> merge(
      List<String> args, Map<String, String> env, Path directory) {
    Flags flags = Flags.parse(args);
    Map<String, Given> merged = new LinkedHashMap<>();
    Path file = file(flags, env, directory);
    if (file != null) {
      merged.putAll(YamlFile.read(file));
      merged.forEach((name, value) -> requireKnown(name, value.origin()));
    }
    merged.putAll(Environment.read(env));
    flags.given().forEach((name, value) -> requireKnown(name, value.origin()));
    merged.putAll(flags.given());
    return merged;
  }

  private static @Nullable Path file(Flags flags, Map<String, String> env, Path directory) {
    String named = flags.configFile();
    if (named == null) {
      named = env.getOrDefault(Environment.CONFIG_FILE, "");
    }
    if (!named.isBlank()) {
      return directory.resolve(named);
    }
    Path usual = directory.resolve(DEFAULT_FILE);
    return Files.exists(usual) ? usual : null;
  }

  private static void requireKnown(String name, String origin) {
    if (Keys.find(name).isPresent()) {
      return;
    }
    if (Keys.ALL.stream().anyMatch(k -> k.name().startsWith(name + "."))) {
      throw PerdureConfig.illegal(
          "'" + name + "' (" + origin + ") is a section, not a setting. Write its settings below.");
    }
    int dot = name.lastIndexOf('.');
    if (dot > 0 && Keys.find(name.substring(0, dot)).isPresent()) {
      String above = name.substring(0, dot);
      throw PerdureConfig.illegal(
          "'"
              + name
              + "' ("
              + origin
              + ") is below '"
              + above
              + "', which is a setting and not a section. Give that one value.");
    }
    List<String> known = new ArrayList<>();
    for (KeySpec spec : Keys.ALL) {
      known.add(
          spec.name().replace("*", spec.name().startsWith(Keys.PROVIDERS) ? "openai" : "NAME"));
    }
    throw PerdureConfig.illegal(
        "'"
            + name
            + "' ("
            + origin
            + ") is not a known setting. Did you mean '"
            + Nearest.to(name, known)
            + "'? 'perdure config --docs' lists all.");
  }

  private PerdureConfig bind() {
    return (PerdureConfig) bind(PerdureConfig.class, "");
  }

  private Object bind(Class<?> type, String prefix) {
    RecordComponent[] components = type.getRecordComponents();
    @Nullable Object[] values = new @Nullable Object[components.length];
    Class<?>[] types = new Class<?>[components.length];
    for (int i = 0; i < components.length; i++) {
      RecordComponent component = components[i];
      String name = prefix + component.getName();
      types[i] = component.getType();
      Key key = component.getAnnotation(Key.class);
      if (key != null) {
        values[i] = leaf(name, component.getType(), key);
      } else if (component.getType() == Map.class) {
        values[i] = map(Keys.valueType(component.getGenericType()), name);
      } else {
        values[i] = bind(component.getType(), name + ".");
      }
    }
    return make(type, prefix, types, values);
  }

  private @Nullable Object leaf(String name, Class<?> type, Key key) {
    Given value = given.get(name);
    if (value == null && key.byDefault().isEmpty()) {
      return type == List.class ? List.of() : null;
    }
    String text = value == null ? key.byDefault() : value.text();
    if (text.length() > MAX_TEXT_CHARS || text.chars().anyMatch(Character::isISOControl)) {
      throw PerdureConfig.illegal(
          name
              + " ("
              + (value == null ? "default" : value.origin())
              + ") holds a control character, or more than "
              + MAX_TEXT_CHARS
              + " characters. Check what was pasted there.");
    }
    try {
      return Values.parse(type, text);
    } catch (IllegalArgumentException | ArithmeticException e) {
      String shown = type == Secret.class ? "" : " is '" + Values.masked(text) + "'";
      String origin = value == null ? "default" : value.origin();
      throw PerdureConfig.illegal(
          name + shown + " (" + origin + "), which it cannot be. Write " + Values.form(type) + ".");
    }
  }

  private Map<String, Object> map(Class<?> type, String name) {
    Map<String, Object> out = new LinkedHashMap<>();
    for (String each : namesIn(name + ".", given)) {
      out.put(each, bind(type, name + "." + each + "."));
    }
    return out;
  }

  /** In the order in which they were first named: the first provider gives the default model. */
  private static List<String> namesIn(String map, Map<String, Given> given) {
    return given.keySet().stream()
        .filter(name -> name.startsWith(map))
        .map(name -> name.substring(map.length()).split("\\.", -1)[0])
        .distinct()
        .toList();
  }

  private Object make(Class<?> type, String prefix, Class<?>[] types, @Nullable Object[] values) {
    try {
      Constructor<?> constructor = type.getDeclaredConstructor(types);
      return constructor.newInstance(values);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof PerdureException illegal) {
        String message = String.valueOf(illegal.getMessage());
        throw new PerdureException(illegal.code(), message + origins(prefix, message), illegal);
      }
      throw new IllegalStateException("The settings of " + prefix + " cannot be bound", e);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("The settings of " + prefix + " cannot be bound", e);
    }
  }

  /** Where the settings that a message names have been given. */
  private String origins(String prefix, String message) {
    String origins =
        given.entrySet().stream()
            .filter(e -> e.getKey().startsWith(prefix) && message.contains(e.getKey()))
            .map(e -> e.getKey() + " comes from " + e.getValue().origin())
            .collect(Collectors.joining("; "));
    return origins.isEmpty() ? "" : " (" + origins + ")";
  }
}
