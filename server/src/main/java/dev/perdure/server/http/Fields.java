package dev.perdure.server.http;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import java.io.IOException;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The members of a JSON object in a request, read strictly: a member that is not known, or of
 * another type, is refused by its name. Null counts as absent. Used by one thread.
 */
final class Fields {
  /** The last millisecond of the year 9999. */
  private static final long MAX_TIME = 253_402_300_799_999L;

  private static final int DURATION_CHARS = 32;

  private final String path;
  private final JsonNode json;
  private final List<String> known;

  private Fields(String path, JsonNode json, String... known) {
    this.path = path;
    this.json = json;
    this.known = Arrays.asList(known);
    if (!json.isObject()) {
      throw wrongType(path.isEmpty() ? "The body" : "'" + path + "'", "an object", json);
    }
    json.fieldNames().forEachRemaining(this::refuseUnknown);
  }

  /**
   * Reads a body; one without any bytes is an empty object.
   *
   * @param known the members that there may be
   * @throws PerdureException INVALID_JSON, INVALID_REQUEST
   */
  static Fields of(byte[] body, String... known) {
    return new Fields(
        "", body.length == 0 ? JsonNodeFactory.instance.objectNode() : parse(body), known);
  }

  /** The members of an object that was read before. */
  static Fields of(JsonNode json, String... known) {
    return new Fields("", json, known);
  }

  private static JsonNode parse(byte[] body) {
    try (JsonParser parser = Json.MAPPER.getFactory().createParser(body)) {
      JsonNode tree = Json.MAPPER.readTree(parser);
      if (tree == null || tree.isMissingNode()) {
        throw new PerdureException(
            ErrorCode.INVALID_JSON, "The body is blank. Send a JSON object, or no body.");
      }
      if (parser.nextToken() != null) {
        throw broken(parser.currentTokenLocation(), "goes on after the end of the JSON value");
      }
      return tree;
    } catch (StreamConstraintsException e) {
      throw broken(
          e.getLocation(), "is nested too deep, or holds a number or name that is too long");
    } catch (JsonProcessingException e) {
      throw broken(e.getLocation(), "is not valid JSON in UTF-8, or repeats a member");
    } catch (IOException e) {
      throw broken(null, "is not valid UTF-8");
    }
  }

  /** Tells the place and not the content, which may be private and may be anything. */
  private static PerdureException broken(@Nullable JsonLocation at, String what) {
    String place =
        at == null || at.getLineNr() < 1
            ? ""
            : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
    return new PerdureException(
        ErrorCode.INVALID_JSON, "The body " + what + place + ". Send one JSON object.");
  }

  private void refuseUnknown(String name) {
    if (!known.contains(name)) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "The member '"
              + Text.shown(qualified(name))
              + "' is not known."
              + Text.didYouMean(name, known)
              + (known.isEmpty()
                  ? " Send none."
                  : " Known are: " + String.join(", ", known) + "."));
    }
  }

  boolean has(String name) {
    return json.hasNonNull(name);
  }

  /** Whether the member is there, be it null. */
  boolean mentions(String name) {
    return json.has(name);
  }

  /** A text of at most that many UTF-16 code units. */
  Optional<String> text(String name, int maxChars) {
    if (!has(name)) {
      return Optional.empty();
    }
    return Optional.of(textOf(qualified(name), json.get(name), maxChars));
  }

  private static String textOf(String path, JsonNode value, int maxChars) {
    if (!value.isTextual()) {
      throw wrongType("'" + path + "'", "a string", value);
    }
    String text = value.textValue();
    if (text.length() > maxChars) {
      throw new PerdureException(
          ErrorCode.TOO_LARGE,
          "'"
              + path
              + "' has "
              + text.length()
              + " characters; at most "
              + maxChars
              + " are accepted. Shorten it.");
    }
    return Text.checked(path, text);
  }

  /** Any JSON, as it can be stored; null if the member is absent. */
  JsonNode json(String name, int maxChars) {
    JsonNode value = json.has(name) ? json.get(name) : JsonNodeFactory.instance.nullNode();
    try {
      JsonNode clean = Json.clean(value);
      if (Json.text(clean).length() <= maxChars) {
        return clean;
      }
    } catch (IllegalArgumentException e) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "'" + qualified(name) + "' cannot be taken: " + e.getMessage() + ". Send it as text.",
          e);
    }
    throw new PerdureException(
        ErrorCode.TOO_LARGE,
        "'" + qualified(name) + "' has more than " + maxChars + " characters. Shorten it.");
  }

  /** A list of texts; empty if the member is absent. */
  List<String> texts(String name, int maxItems, int maxChars) {
    List<String> out = new ArrayList<>();
    for (JsonNode item : items(name, maxItems)) {
      out.add(textOf(qualified(name) + "[" + out.size() + "]", item, maxChars));
    }
    return out;
  }

  /** A list of objects; empty if the member is absent. */
  List<Fields> objects(String name, int maxItems, String... knownMembers) {
    List<Fields> out = new ArrayList<>();
    for (JsonNode item : items(name, maxItems)) {
      out.add(new Fields(qualified(name) + "[" + out.size() + "]", item, knownMembers));
    }
    return out;
  }

  private JsonNode items(String name, int maxItems) {
    if (!has(name)) {
      return JsonNodeFactory.instance.arrayNode();
    }
    JsonNode list = json.get(name);
    if (!list.isArray()) {
      throw wrongType("'" + qualified(name) + "'", "an array", list);
    }
    if (list.size() > maxItems) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "'"
              + qualified(name)
              + "' has "
              + list.size()
              + " items; at most "
              + maxItems
              + " are accepted. Send fewer.");
    }
    return list;
  }

  /** An object, or an empty one if the member is absent. */
  Fields object(String name, String... knownMembers) {
    JsonNode value = has(name) ? json.get(name) : JsonNodeFactory.instance.objectNode();
    return new Fields(qualified(name), value, knownMembers);
  }

  /** An object whose values are texts; empty if the member is absent or null. Names are lines. */
  Map<String, String> map(String name, int maxEntries, int maxNameChars, int maxChars) {
    Map<String, String> out = new LinkedHashMap<>();
    if (!has(name)) {
      return out;
    }
    JsonNode object = json.get(name);
    if (!object.isObject()) {
      throw wrongType("'" + qualified(name) + "'", "an object", object);
    }
    if (object.size() > maxEntries) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "'"
              + qualified(name)
              + "' has "
              + object.size()
              + " members; at most "
              + maxEntries
              + " are accepted. Send fewer.");
    }
    object
        .properties()
        .forEach(entry -> {
          String key = Text.line(qualified(name), entry.getKey());
          if (key.isBlank() || key.length() > maxNameChars) {
            throw new PerdureException(
                ErrorCode.INVALID_REQUEST,
                "'"
                    + qualified(name)
                    + "' has a name of "
                    + key.length()
                    + " characters. It must have 1 to "
                    + maxNameChars
                    + ", and not be blank.");
          }
          String at = qualified(name) + "." + Text.shown(key);
          out.put(key, textOf(at, entry.getValue(), maxChars));
        });
    return out;
  }

  /** A whole number within bounds. */
  Optional<Integer> integer(String name, int min, int max) {
    if (!has(name)) {
      return Optional.empty();
    }
    JsonNode value = json.get(name);
    if (!value.isIntegralNumber()) {
      throw wrongType("'" + qualified(name) + "'", "a whole number", value);
    }
    if (!value.canConvertToInt() || value.intValue() < min || value.intValue() > max) {
      throw outOfRange(name, min + " to " + max);
    }
    return Optional.of(value.intValue());
  }

  /** A time, in milliseconds since 1970. */
  Optional<Long> time(String name) {
    if (!has(name)) {
      return Optional.empty();
    }
    JsonNode value = json.get(name);
    if (!value.isIntegralNumber()) {
      throw wrongType("'" + qualified(name) + "'", "a whole number", value);
    }
    if (!value.canConvertToLong() || value.longValue() < 0 || value.longValue() > MAX_TIME) {
      throw outOfRange(name, "a time in milliseconds since 1970, before the year 10000");
    }
    return Optional.of(value.longValue());
  }

  /** A length of time, in ISO 8601. */
  Optional<Duration> duration(String name) {
    Optional<String> text = text(name, DURATION_CHARS);
    try {
      Optional<Duration> length = text.map(Duration::parse);
      if (length.isEmpty() || !length.get().isNegative()) {
        return length;
      }
    } catch (DateTimeParseException | ArithmeticException e) {
      throw noDuration(name, e);
    }
    throw noDuration(name, null);
  }

  private PerdureException noDuration(String name, @Nullable RuntimeException cause) {
    return new PerdureException(
        ErrorCode.INVALID_REQUEST,
        "'" + qualified(name) + "' must be a length of time in ISO 8601, such as PT30M or P1D.",
        cause);
  }

  /** True or false. */
  Optional<Boolean> flag(String name) {
    if (!has(name)) {
      return Optional.empty();
    }
    if (!json.get(name).isBoolean()) {
      throw wrongType("'" + qualified(name) + "'", "a boolean", json.get(name));
    }
    return Optional.of(json.get(name).booleanValue());
  }

  /** A finite number, from {@code min} (inclusive if so said) to {@code max} inclusive. */
  Optional<Double> number(String name, double min, boolean minIncluded, double max) {
    if (!has(name)) {
      return Optional.empty();
    }
    JsonNode value = json.get(name);
    if (!value.isNumber()) {
      throw wrongType("'" + qualified(name) + "'", "a number", value);
    }
    double number = value.doubleValue();
    if (!Double.isFinite(number)
        || number < min
        || (number == min && !minIncluded)
        || number > max) {
      throw outOfRange(name, (minIncluded ? min + " to " : "above " + min + ", at most ") + max);
    }
    return Optional.of(number);
  }

  /** One of a few words; the one given if the member is absent. */
  <E extends Enum<E>> E word(String name, E fallback, Function<E, String> wire) {
    if (!has(name)) {
      return fallback;
    }
    List<String> words = new ArrayList<>();
    for (E each : fallback.getDeclaringClass().getEnumConstants()) {
      if (wire.apply(each).equals(json.get(name).textValue())) {
        return each;
      }
      words.add("'" + wire.apply(each) + "'");
    }
    throw new PerdureException(
        ErrorCode.INVALID_REQUEST,
        "'" + qualified(name) + "' must be one of " + String.join(", ", words) + ".");
  }

  private String qualified(String name) {
    return path.isEmpty() ? name : path + "." + name;
  }

  private PerdureException outOfRange(String name, String range) {
    return new PerdureException(
        ErrorCode.INVALID_REQUEST,
        "'" + qualified(name) + "' is out of range. It must be " + range + ".");
  }

  private static PerdureException wrongType(String what, String wanted, JsonNode got) {
    String type =
        switch (got.getNodeType()) {
          case ARRAY -> "an array";
          case BOOLEAN -> "a boolean";
          case NULL -> "null";
          case NUMBER -> "a number";
          case OBJECT, POJO -> "an object";
          case STRING, BINARY -> "a string";
          case MISSING -> "missing";
        };
    return new PerdureException(
        ErrorCode.INVALID_REQUEST, what + " must be " + wanted + ", but is " + type + ".");
  }
}
