package dev.perdure.context;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.EncodingRegistry;
import com.knuddels.jtokkit.api.EncodingType;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Counts the tokens of a text: exactly, by the vendor's own encoding, which costs about a
 * microsecond for 10 characters and some 50 MB for the vocabulary once it is used; or by an
 * estimate that costs a hundredth of that. Thread-safe.
 *
 * <p>The estimate follows how byte-pair encodings cut text: a word of the Latin script is one token
 * per five and a half letters begun, digits go in threes, a space goes with the word behind it, a
 * sign is a token of its own, and scripts that the vocabularies have seen less of cost more per
 * letter. It was fitted to o200k_base with text in eleven languages and source code.
 */
final class TokenCounter {
  /** Longer pieces are cut, so that a text made to be slow to encode is not. */
  private static final int PIECE_CHARS = 4_096;

  /** Counts of messages that are kept: about 100 bytes each. */
  private static final int MAX_CACHED = 20_000;

  private record Key(EncodingType encoding, String message) {}

  /** Made at the first exact count: it reads the vocabularies. */
  private static final class Registry {
    static final EncodingRegistry ENCODINGS = Encodings.newLazyEncodingRegistry();
  }

  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private final Map<Key, Integer> counted =
      new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Key, Integer> eldest) {
          return size() > MAX_CACHED;
        }
      };

  /** The tokens of a text, with the family's margin: exact where its encoding is public. */
  int count(ModelFamily family, String text) {
    @Nullable EncodingType encoding = family.encoding();
    int tokens = encoding == null ? estimate(text) : exact(encoding, text);
    return (int) Math.ceil(tokens * family.factor());
  }

  /** Like {@link #count}, remembered by the id of a message whose text does not change any more. */
  int count(ModelFamily family, String message, String text) {
    @Nullable EncodingType encoding = family.encoding();
    if (encoding == null) {
      return count(family, text);
    }
    Key key = new Key(encoding, message);
    @Nullable Integer known = get(key);
    if (known == null) {
      known = exact(encoding, text);
      put(key, known);
    }
    return (int) Math.ceil(known * family.factor());
  }

  private @Nullable Integer get(Key key) {
    lock.lock();
    try {
      return counted.get(key);
    } finally {
      lock.unlock();
    }
  }

  private void put(Key key, int tokens) {
    lock.lock();
    try {
      counted.put(key, tokens);
    } finally {
      lock.unlock();
    }
  }

  static int exact(EncodingType encoding, String text) {
    var codec = Registry.ENCODINGS.getEncoding(encoding);
    int tokens = 0;
    for (int from = 0; from < text.length(); ) {
      int to = Math.min(text.length(), from + PIECE_CHARS);
      if (to < text.length() && Character.isHighSurrogate(text.charAt(to - 1))) {
        to--;
      }
      tokens += codec.countTokensOrdinary(text.substring(from, to));
      from = to;
    }
    return tokens;
  }

  /** About how many tokens; without any family's margin. */
  static int estimate(String text) {
    double tokens = 0;
    for (int i = 0; i < text.length(); ) {
      Kind kind = kind(text.charAt(i));
      int end = i + 1;
      while (end < text.length() && kind(text.charAt(end)) == kind) {
        end++;
      }
      tokens += cost(kind, end - i);
      i = end;
    }
    return (int) Math.ceil(tokens);
  }

  private enum Kind {
    LATIN,
    DIGIT,
    SPACE,
    LINE,
    SIGN,
    ACCENTED,
    ALPHABET,
    SYLLABLE,
    OTHER
  }

  private static double cost(Kind kind, int length) {
    return switch (kind) {
      case LATIN -> Math.ceil(length / 5.5);
      case DIGIT -> Math.ceil(length / 3.0);
      case SPACE -> length == 1 ? 0 : 1 + length / 32.0;
      case LINE -> 1;
      case SIGN -> length <= 2 ? 1 : length * 0.6;
      case ACCENTED -> length * 0.9;
      case ALPHABET -> length * 0.45;
      case SYLLABLE -> length * 1.0;
      case OTHER -> length * 1.6;
    };
  }

  private static Kind kind(char c) {
    if (c < 0x80) {
      if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        return Kind.LATIN;
      }
      if (c >= '0' && c <= '9') {
        return Kind.DIGIT;
      }
      return c == ' ' || c == '\t' ? Kind.SPACE : c == '\n' || c == '\r' ? Kind.LINE : Kind.SIGN;
    }
    if (c < 0x250 || (c >= 0x1e00 && c < 0x1f00)) {
      return Character.isLetter(c) ? Kind.ACCENTED : Kind.SIGN;
    }
    if (c < 0x700) {
      // Greek, Cyrillic, Armenian, Hebrew, Arabic
      return Kind.ALPHABET;
    }
    boolean han = c >= 0x3000 && c < 0xa000;
    boolean hangul = c >= 0xac00 && c < 0xd7b0;
    boolean indic = c >= 0x900 && c < 0x1100;
    return han || hangul ? Kind.SYLLABLE : indic ? Kind.ALPHABET : Kind.OTHER;
  }
}
