package dev.perdure.tool;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * When a call needs an approval, as the operator writes it:
 *
 * <pre>
 * never
 * always
 * when /amount > 100 or not /to endsWith "@example.com"
 * when /currency != "EUR" and /amount >= 50
 * </pre>
 *
 * A condition is a JSON Pointer (RFC 6901, without spaces) into the arguments, one of {@code = != <
 * <= > >= startsWith endsWith contains} and a JSON value without spaces outside of quotes; {@code
 * and} binds tighter than {@code or}. A condition whose argument is missing, or cannot be compared
 * with its value, holds, with or without {@code not}: in doubt somebody is asked. Immutable.
 */
public final class ApprovalRule implements Tool.Approval {
  private static final int MAX_CHARS = 2_000;

  /** Any of them, of which all conditions hold. */
  private final List<List<Condition>> alternatives;

  private ApprovalRule(List<List<Condition>> alternatives) {
    this.alternatives = alternatives;
  }

  private enum Operator {
    EQUAL("="),
    UNEQUAL("!="),
    LESS("<"),
    AT_MOST("<="),
    MORE(">"),
    AT_LEAST(">="),
    STARTS_WITH("startsWith"),
    ENDS_WITH("endsWith"),
    CONTAINS("contains");

    final String text;

    Operator(String text) {
      this.text = text;
    }
  }

  private record Condition(boolean negated, JsonPointer at, Operator operator, JsonNode value) {
    boolean holds(JsonNode arguments) {
      @Nullable Boolean result = compare(arguments.at(at));
      return result == null || result != negated;
    }

    /** Null if it cannot be said. */
    private @Nullable Boolean compare(JsonNode actual) {
      if (actual.isMissingNode() || actual.isNull()) {
        return null;
      }
      return switch (operator) {
        case EQUAL -> equal(actual);
        case UNEQUAL -> {
          @Nullable Boolean same = equal(actual);
          yield same == null ? null : Boolean.valueOf(!same);
        }
        case LESS, AT_MOST, MORE, AT_LEAST -> ordered(actual);
        case STARTS_WITH, ENDS_WITH, CONTAINS -> text(actual);
      };
    }

    private @Nullable Boolean equal(JsonNode actual) {
      if (actual.isNumber() && value.isNumber()) {
        @Nullable Integer order = order(actual);
        return order == null ? null : Boolean.valueOf(order == 0);
      }
      return actual.getNodeType() == value.getNodeType()
          ? Boolean.valueOf(actual.equals(value))
          : null;
    }

    private @Nullable Boolean ordered(JsonNode actual) {
      @Nullable Integer order = order(actual);
      if (order == null) {
        return null;
      }
      return switch (operator) {
        case LESS -> order < 0;
        case AT_MOST -> order <= 0;
        case MORE -> order > 0;
        default -> order >= 0;
      };
    }

    private @Nullable Integer order(JsonNode actual) {
      if (!actual.isNumber()) {
        return null;
      }
      try {
        return actual.decimalValue().compareTo(value.decimalValue());
      } catch (NumberFormatException e) {
        // Infinite: there is no such amount.
        return null;
      }
    }

    private @Nullable Boolean text(JsonNode actual) {
      if (!actual.isTextual()) {
        return null;
      }
      String text = actual.textValue();
      return switch (operator) {
        case STARTS_WITH -> text.startsWith(value.textValue());
        case ENDS_WITH -> text.endsWith(value.textValue());
        default -> text.contains(value.textValue());
      };
    }
  }

  /**
   * Reads {@code never}, {@code always} or {@code when …}.
   *
   * @throws IllegalArgumentException if it is none of them
   */
  public static Tool.Approval parse(String text) {
    String stripped = text.strip();
    if (stripped.equals("never")) {
      return Tool.Approval.NEVER;
    }
    if (stripped.equals("always")) {
      return Tool.Approval.ALWAYS;
    }
    Deque<String> words = words(stripped);
    if (stripped.length() > MAX_CHARS || !"when".equals(words.poll())) {
      throw new IllegalArgumentException(
          "'"
              + shown(stripped)
              + "' is not 'never', 'always' or 'when' with conditions behind it.");
    }
    List<List<Condition>> alternatives = new ArrayList<>();
    List<Condition> all = new ArrayList<>();
    alternatives.add(all);
    all.add(condition(words));
    while (!words.isEmpty()) {
      String joint = words.remove();
      if (joint.equals("or")) {
        all = new ArrayList<>();
        alternatives.add(all);
      } else if (!joint.equals("and")) {
        throw new IllegalArgumentException(
            "'" + shown(joint) + "' stands where 'and' or 'or' must stand.");
      }
      all.add(condition(words));
    }
    return new ApprovalRule(alternatives.stream().map(List::copyOf).toList());
  }

  private static Condition condition(Deque<String> words) {
    boolean negated = "not".equals(words.peek());
    if (negated) {
      words.remove();
    }
    String at = next(words, "a JSON Pointer such as /amount");
    String sign = next(words, "a comparison behind " + at);
    String json = next(words, "a value behind '" + at + " " + sign + "'");
    Operator operator =
        Arrays.stream(Operator.values())
            .filter(one -> one.text.equals(sign))
            .findFirst()
            .orElseThrow(() ->
                new IllegalArgumentException(
                    "'"
                        + shown(sign)
                        + "' is no comparison. There are: "
                        + Arrays.stream(Operator.values())
                            .map(one -> one.text)
                            .collect(Collectors.joining(" "))));
    JsonNode value = value(json);
    boolean fits =
        switch (operator) {
          case EQUAL, UNEQUAL -> value.isValueNode() && !value.isNull();
          case LESS, AT_MOST, MORE, AT_LEAST -> value.isNumber();
          case STARTS_WITH, ENDS_WITH, CONTAINS -> value.isTextual();
        };
    if (!fits) {
      throw new IllegalArgumentException(
          "'"
              + shown(json)
              + "' cannot stand behind '"
              + sign
              + "': < <= > >= take a number, startsWith endsWith contains a text in quotes.");
    }
    if (!at.startsWith("/")) {
      throw new IllegalArgumentException(
          "'" + shown(at) + "' is no JSON Pointer. Write /name for the argument 'name'.");
    }
    return new Condition(negated, JsonPointer.compile(at), operator, value);
  }

  private static String next(Deque<String> words, String what) {
    if (words.isEmpty()) {
      throw new IllegalArgumentException("The rule ends where " + what + " must stand.");
    }
    return words.remove();
  }

  private static JsonNode value(String json) {
    try {
      JsonNode value = Json.MAPPER.readTree(json);
      if (value != null && !value.isMissingNode()) {
        return value;
      }
    } catch (JsonProcessingException e) {
      // Said below.
    }
    throw new IllegalArgumentException(
        "'" + shown(json) + "' is no JSON value. Write a number, true, false or a text in quotes.");
  }

  /** Splits at spaces, but for those in quotes. */
  private static Deque<String> words(String text) {
    Deque<String> words = new ArrayDeque<>();
    StringBuilder word = new StringBuilder();
    boolean quoted = false;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (quoted && c == '\\' && i + 1 < text.length()) {
        word.append(c).append(text.charAt(++i));
      } else if (!quoted && Character.isWhitespace(c)) {
        if (!word.isEmpty()) {
          words.add(word.toString());
          word.setLength(0);
        }
      } else {
        quoted ^= c == '"';
        word.append(c);
      }
    }
    if (!word.isEmpty()) {
      words.add(word.toString());
    }
    return words;
  }

  private static String shown(String text) {
    return text.length() <= 80 ? text : text.substring(0, 80) + "…";
  }

  @Override
  public boolean needed(JsonNode arguments) {
    return alternatives.stream()
        .anyMatch(all -> all.stream().allMatch(condition -> condition.holds(arguments)));
  }

  /** An argument that the schema does not know would be missing in every call. */
  @Override
  public Optional<String> fault(JsonNode schema) {
    for (List<Condition> all : alternatives) {
      for (Condition condition : all) {
        JsonNode properties = schema.path("properties");
        String name = condition.at.getMatchingProperty();
        if (properties.isObject() && name != null && !properties.has(name)) {
          return Optional.of(
              "the rule names '"
                  + condition.at
                  + "', but the schema has no property '"
                  + shown(name)
                  + "'");
        }
      }
    }
    return Optional.empty();
  }
}
