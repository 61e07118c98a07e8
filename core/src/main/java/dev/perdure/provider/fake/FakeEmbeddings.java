package dev.perdure.provider.fake;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Vectors without a model, always the same ones: each word of more than three letters has a
 * direction that is made of its letters, but for some words that mean the same and have the same
 * one. So a question finds a text that shares no word with it, as with a real model. Thread-safe.
 *
 * <pre>
 * POST /__embeddings?fault=hang&amp;times=3   the next 3 calls hang; see {@link Fault}
 * GET  /__embeddings                     {"calls":7,"texts":90,"twice":0}
 * </pre>
 *
 * <p>{@code twice} counts texts that were asked for before, but for those of one word.
 */
public final class FakeEmbeddings {
  static final int DIMENSIONS = 256;
  private static final int MAX_REMEMBERED = 50_000;

  /** Words of a line mean the same. */
  private static final List<String> MEANINGS =
      List.of(
          "automobile vehicle roadster coupe",
          "physician doctor surgeon medic",
          "salary wages earnings paycheck",
          "canine puppy hound terrier",
          "residence dwelling house apartment",
          "ocean marine seawater",
          "wealthy affluent rich prosperous");

  private static final Map<String, String> MEANING = new HashMap<>();

  static {
    for (String line : MEANINGS) {
      List<String> words = List.of(line.split(" ", -1));
      words.forEach(word -> MEANING.put(word, words.getFirst()));
    }
  }

  /** What goes wrong with a call. */
  public enum Fault {
    NONE,
    /** 429 with {@code retry-after-ms: 50}. */
    BUSY,
    /** 500. */
    ERROR,
    /** 400, as for a model that is not there. */
    REFUSED,
    /** No answer, ever. */
    HANG,
    /** One number too many in each vector. */
    DIMENSIONS,
    /** {@code NaN}, which Python's JSON writes. */
    NAN,
    /** A number that no float holds. */
    HUGE,
    /** One vector is missing. */
    FEWER,
    /** All vectors are said to be of the first text. */
    INDEX,
    /** The JSON ends in the middle, and with it the answer. */
    TRUNCATED,
    /** The connection ends in the middle of the answer. */
    CUT,
    /** A page instead of JSON. */
    PAGE
  }

  @GuardedBy("this")
  private Fault fault = Fault.NONE;

  @GuardedBy("this")
  private int times;

  @GuardedBy("this")
  private long calls;

  @GuardedBy("this")
  private long texts;

  @GuardedBy("this")
  private long twice;

  @GuardedBy("this")
  private final Map<String, Integer> seen = new HashMap<>();

  /** Lets the next calls go wrong. */
  public synchronized void fail(Fault next, int count) {
    fault = next;
    times = count;
  }

  public synchronized long calls() {
    return calls;
  }

  public synchronized long texts() {
    return texts;
  }

  /** How many texts were given their vectors more than once. */
  public synchronized long twice() {
    return twice;
  }

  synchronized String json() {
    return JsonNodeFactory.instance
        .objectNode()
        .put("calls", calls)
        .put("texts", texts)
        .put("twice", twice)
        .toString();
  }

  /** Counts a call; says what is to go wrong with it. */
  synchronized Fault called(List<String> input) {
    calls++;
    if (times > 0) {
      times--;
      return fault;
    }
    texts += input.size();
    for (String text : input) {
      if (seen.size() < MAX_REMEMBERED && seen.merge(text, 1, Integer::sum) > 1) {
        twice += text.indexOf(' ') < 0 ? 0 : 1;
      }
    }
    return Fault.NONE;
  }

  static List<String> input(JsonNode body) {
    JsonNode input = body.path("input");
    return input.isTextual()
        ? List.of(input.asText())
        : input.valueStream().map(JsonNode::asText).toList();
  }

  static String answer(JsonNode body, List<String> input, Fault fault) {
    int dimensions = body.path("dimensions").asInt(DIMENSIONS);
    ObjectNode out = JsonNodeFactory.instance.objectNode().put("object", "list");
    var data = out.putArray("data");
    int count = fault == Fault.FEWER ? input.size() - 1 : input.size();
    for (int i = 0; i < count; i++) {
      ObjectNode one = data.addObject().put("object", "embedding");
      one.put("index", fault == Fault.INDEX ? 0 : i);
      var numbers = one.putArray("embedding");
      for (float number : vector(input.get(i), dimensions)) {
        numbers.add(number);
      }
      if (fault == Fault.DIMENSIONS) {
        numbers.add(0.5f);
      }
    }
    out.put("model", body.path("model").asText());
    out.putObject("usage").put("prompt_tokens", input.size()).put("total_tokens", input.size());
    String text = out.toString();
    return switch (fault) {
      case NAN -> text.replaceFirst("\\[[-0-9.E]+", "[NaN");
      case HUGE -> text.replaceFirst("\\[[-0-9.E]+", "[1e999");
      case TRUNCATED -> text.substring(0, text.length() / 2);
      case PAGE -> "<html>Bad gateway</html>";
      case NONE, BUSY, ERROR, REFUSED, HANG, DIMENSIONS, FEWER, INDEX, CUT -> text;
    };
  }

  private static float[] vector(String text, int dimensions) {
    float[] out = new float[dimensions];
    for (String word : text.toLowerCase(Locale.ROOT).split("[^\\p{L}\\p{N}]+", -1)) {
      if (word.length() > 3) {
        int hash = MEANING.getOrDefault(word, word).hashCode() * 0x9E3779B1;
        for (int i = 0; i < 3; i++) {
          out[Math.floorMod(hash, dimensions)]++;
          hash = Integer.rotateLeft(hash, 11) * 0x85EBCA6B;
        }
      }
    }
    return out;
  }
}
