package dev.perdure.server.config;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads and writes the types that a setting can have. */
final class Values {
  private static final Pattern DURATION = Pattern.compile("(\\d{1,12})(ms|s|m|h|d)");
  private static final Pattern NUMBER = Pattern.compile("-?\\d{1,18}");

  private Values() {}

  /** What an operator has to write, with an example. */
  static String form(Class<?> type) {
    if (type.isEnum()) {
      return "one of " + String.join(", ", names(type));
    }
    return switch (type.getSimpleName()) {
      case "Duration" -> "a duration such as 500ms, 15s, 2m or 24h";
      case "ByteSize" -> "a size such as 512B, 64KiB or 1MiB";
      case "int", "long" -> "a whole number";
      case "boolean" -> "true or false";
      case "URI" -> "an http or https URL such as https://chat.example.com";
      case "List" -> "a comma-separated list";
      case "JsonNode" -> "a JSON object, or the same as YAML";
      default -> "a text";
    };
  }

  /** The type's name in the table. */
  static String typeName(Class<?> type) {
    if (type.isEnum()) {
      return String.join(" \\| ", names(type));
    }
    return switch (type.getSimpleName()) {
      case "Duration" -> "duration";
      case "ByteSize" -> "size";
      case "int", "long" -> "number";
      case "boolean" -> "boolean";
      case "URI" -> "URL";
      case "List" -> "list";
      case "JsonNode" -> "object";
      case "Secret" -> "secret";
      default -> "text";
    };
  }

  /** Throws IllegalArgumentException if the text is not of the form. */
  static Object parse(Class<?> type, String text) {
    if (type.isEnum()) {
      return constant(type, text);
    }
    return switch (type.getSimpleName()) {
      case "Duration" -> duration(text);
      case "ByteSize" -> ByteSize.parse(text);
      case "int" -> Math.toIntExact(number(text));
      case "long" -> number(text);
      case "boolean" -> truth(text);
      case "URI" -> uri(text);
      case "List" -> list(text);
      case "JsonNode" -> json(text);
      case "Secret" -> new Secret(text);
      case "String" -> text;
      default -> throw new IllegalStateException("No setting can be a " + type);
    };
  }

  /** The value as one would write it. */
  static String write(Object value) {
    return switch (value) {
      case Duration duration -> duration(duration);
      case List<?> list -> String.join(",", list.stream().map(Values::write).toList());
      case Enum<?> constant -> constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
      default -> value.toString();
    };
  }

  /** The text, without what may be a password if it is a URL: its user part and its query. */
  static String masked(String text) {
    return text.contains("://") || text.startsWith("jdbc:")
        ? text.replaceAll("(?<=//)[^/]*@", "").replaceAll("\\?.*", "?...")
        : text;
  }

  private static String duration(Duration value) {
    long millis = value.toMillis();
    if (millis == 0) {
      return "0s";
    }
    if (millis % 1000 != 0) {
      return millis + "ms";
    }
    long seconds = millis / 1000;
    if (seconds % 3600 == 0) {
      return seconds / 3600 + "h";
    }
    return seconds % 60 == 0 ? seconds / 60 + "m" : seconds + "s";
  }

  static Duration duration(String text) {
    Matcher form = DURATION.matcher(text);
    if (!form.matches()) {
      throw new IllegalArgumentException("not a duration");
    }
    long number = Long.parseLong(form.group(1));
    return switch (form.group(2)) {
      case "ms" -> Duration.ofMillis(number);
      case "s" -> Duration.ofSeconds(number);
      case "m" -> Duration.ofMinutes(number);
      case "h" -> Duration.ofHours(number);
      default -> Duration.ofDays(number);
    };
  }

  private static long number(String text) {
    if (!NUMBER.matcher(text).matches()) {
      throw new IllegalArgumentException("not a whole number");
    }
    return Long.parseLong(text);
  }

  private static boolean truth(String text) {
    if (!text.equals("true") && !text.equals("false")) {
      throw new IllegalArgumentException("neither true nor false");
    }
    return text.equals("true");
  }

  private static URI uri(String text) {
    try {
      URI uri = new URI(text);
      if (uri.getHost() == null
          || uri.getUserInfo() != null
          || !("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))) {
        throw new IllegalArgumentException("not an http or https URL");
      }
      return uri;
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException("not a URL", e);
    }
  }

  private static List<String> list(String text) {
    return Arrays.stream(text.split(",", -1)).map(String::strip).filter(s -> !s.isEmpty()).toList();
  }

  private static JsonNode json(String text) {
    try {
      JsonNode tree = Json.MAPPER.readTree(text);
      if (tree.isObject()) {
        return tree;
      }
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("not JSON", e);
    }
    throw new IllegalArgumentException("not an object");
  }

  private static Object constant(Class<?> type, String text) {
    for (Object each : type.getEnumConstants()) {
      if (write(each).equals(text)) {
        return each;
      }
    }
    throw new IllegalArgumentException("not one of the names");
  }

  private static List<String> names(Class<?> type) {
    return Arrays.stream(type.getEnumConstants()).map(Values::write).toList();
  }
}
