package dev.perdure.server.config;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The registry of all settings, read once from the {@link Key}s of {@link PerdureConfig}.
 * Immutable.
 */
final class Keys {
  static final String ENV_PREFIX = "PERDURE_";

  /** The map of providers by name, the only one whose settings can be variables. */
  static final String PROVIDERS = "providers.";

  /** Maps of things that are described by more than variables can say. */
  static final List<String> ONLY_IN_FILES = List.of("tools.http.", "tools.mcp.");

  /** A setting of something that the operator has named: section, name, setting. */
  private static final Pattern NAMED =
      Pattern.compile(
          "(providers)\\.([a-z][a-z0-9-]{0,31})\\.([A-Za-z]+)"
              + "|(tools\\.http)\\.([A-Za-z][A-Za-z0-9_-]{0,63})\\.([A-Za-z]+)"
              + "|(tools\\.mcp)\\.([A-Za-z][A-Za-z0-9-]{0,31})\\.([A-Za-z]+)");

  /** All settings, in the order of the tree. */
  static final List<KeySpec> ALL = List.copyOf(walk(PerdureConfig.class, ""));

  private static final Map<String, KeySpec> BY_NAME =
      ALL.stream().collect(Collectors.toMap(KeySpec::name, Function.identity()));

  private Keys() {}

  /** The setting of a name, those of things with any legal name included. */
  static Optional<KeySpec> find(String name) {
    KeySpec exact = BY_NAME.get(name);
    if (exact != null && !name.contains("*")) {
      return Optional.of(exact);
    }
    Matcher named = NAMED.matcher(name);
    if (named.matches()) {
      for (int group = 1; group <= named.groupCount(); group += 3) {
        String section = named.group(group);
        if (section != null) {
          String given = named.group(group + 1);
          return Optional.ofNullable(BY_NAME.get(section + ".*." + named.group(group + 2)))
              .map(pattern -> pattern.named(given));
        }
      }
    }
    return Optional.empty();
  }

  /**
   * Checks the components of a record against the ranges at their keys: for compact constructors.
   *
   * @param values all components, in order
   */
  static void check(Class<? extends Record> owner, @Nullable Object... values) {
    RecordComponent[] components = owner.getRecordComponents();
    if (components.length != values.length) {
      throw new IllegalArgumentException(owner + " has " + components.length + " components");
    }
    List<KeySpec> keys = ALL.stream().filter(k -> k.owner() == owner).toList();
    for (int i = 0; i < components.length; i++) {
      String component = components[i].getName();
      Object value = values[i];
      for (KeySpec key : keys) {
        if (key.name().endsWith("." + component)) {
          check(key, value);
        }
      }
    }
  }

  private static void check(KeySpec spec, @Nullable Object value) {
    Key key = spec.key();
    if (value == null) {
      if (!key.byDefault().isEmpty()) {
        throw new IllegalArgumentException(spec.name() + " is null");
      }
      return;
    }
    boolean low = !key.min().isEmpty() && compare(spec.type(), value, key.min()) < 0;
    boolean high = !key.max().isEmpty() && compare(spec.type(), value, key.max()) > 0;
    if (low || high) {
      throw PerdureConfig.illegal(
          spec.name()
              + " is "
              + Values.write(value)
              + ", too "
              + (low ? "small" : "large")
              + ". Give it a value from "
              + spec.range()
              + ".");
    }
  }

  private static int compare(Class<?> type, Object value, String bound) {
    return switch (value) {
      case Integer number -> Long.compare(number, (int) Values.parse(type, bound));
      case Long number -> Long.compare(number, (long) Values.parse(type, bound));
      case java.time.Duration duration ->
          duration.compareTo((java.time.Duration) Values.parse(type, bound));
      case ByteSize size -> size.compareTo((ByteSize) Values.parse(type, bound));
      default -> throw new IllegalStateException("No range for a " + type);
    };
  }

  private static List<KeySpec> walk(Class<?> owner, String prefix) {
    List<KeySpec> out = new ArrayList<>();
    for (RecordComponent component : owner.getRecordComponents()) {
      String name = prefix + component.getName();
      Key key = component.getAnnotation(Key.class);
      if (key != null) {
        out.add(new KeySpec(name, owner, component.getType(), key));
      } else if (component.getType() == Map.class) {
        out.addAll(walk(valueType(component.getGenericType()), name + ".*."));
      } else {
        out.addAll(walk(component.getType(), name + "."));
      }
    }
    return out;
  }

  /** The record that a map of the tree holds. */
  static Class<?> valueType(Type map) {
    return (Class<?>) ((ParameterizedType) map).getActualTypeArguments()[1];
  }
}
