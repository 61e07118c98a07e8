package dev.perdure.retrieval;

import java.text.Normalizer;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * From text to the terms by which it is found; the same for what is stored and for what is asked,
 * and the same on both databases, whose own analysers differ. A term holds letters and digits only,
 * so that it needs no quoting in any query language. Stateless.
 *
 * <p>Letters lose case and accents; English endings are cut as far as it is safe in other
 * languages; scripts without spaces are cut into pairs of characters.
 */
final class Terms {
  /** Longer runs, such as encoded data, are cut. */
  private static final int MAX_CHARS = 32;

  /** Terms of a question; what comes later in it is not asked for. */
  private static final int MAX_ASKED = 24;

  private static final Set<String> STOP_WORDS =
      stemmed(
          "a an and are as at be but by can could did do does for from had has have he her his how"
              + " i if in into is it its me my no not of on or our she should so some than that"
              + " the their them then there these they this to us was we were what when where"
              + " which who why will with would you your"
              + " aber als am an auch auf aus bei bin bist da das dass dem den der des die du"
              + " ein eine einem einen einer er es fur hat ich ihr im in ist ja mir mit nach"
              + " nicht noch oder sich sie sind so und uns von war was wenn wer wie wir wird zu"
              + " zum zur"
              + " au aux avec ce ces cette dans de des du elle en est et il ils je la le les"
              + " leur ma mais me mes mon ne nous on ou par pas pour qu que qui sa se ses son"
              + " sur te tu un une vous"
              + " al como con del el esta este lo los las mi muy para pero por se si sin su y");

  private Terms() {}

  private static Set<String> stemmed(String words) {
    Set<String> out = new HashSet<>();
    for (String word : words.split(" ", -1)) {
      out.add(stem(word));
    }
    return out;
  }

  /** All different terms, in the order in which they first occur. */
  static Set<String> of(String text) {
    Set<String> out = new LinkedHashSet<>();
    String plain = Normalizer.normalize(text, Normalizer.Form.NFKD).toLowerCase(Locale.ROOT);
    StringBuilder word = new StringBuilder();
    int before = 0;
    for (int i = 0; i < plain.length(); ) {
      int c = plain.codePointAt(i);
      i += Character.charCount(c);
      if (Character.getType(c) == Character.NON_SPACING_MARK) {
        continue;
      }
      if (spaceless(c)) {
        flush(word, out);
        if (before != 0) {
          out.add(new StringBuilder().appendCodePoint(before).appendCodePoint(c).toString());
        }
        before = c;
        continue;
      }
      before = 0;
      if (Character.isLetterOrDigit(c)) {
        word.appendCodePoint(c);
      } else {
        flush(word, out);
      }
    }
    flush(word, out);
    return out;
  }

  /** The terms of a question: without words that are everywhere, and not too many. */
  static List<String> asked(String text) {
    List<String> all = of(text).stream().filter(term -> term.length() > 1).toList();
    List<String> telling =
        all.stream().filter(term -> !STOP_WORDS.contains(term)).limit(MAX_ASKED).toList();
    return telling.isEmpty() ? all.stream().limit(MAX_ASKED).toList() : telling;
  }

  private static void flush(StringBuilder word, Set<String> out) {
    if (!word.isEmpty()) {
      String term =
          stem(word.length() > MAX_CHARS ? word.substring(0, MAX_CHARS) : word.toString());
      word.setLength(0);
      out.add(term);
    }
  }

  private static boolean spaceless(int c) {
    Character.@Nullable UnicodeScript script = c < 0x0e00 ? null : Character.UnicodeScript.of(c);
    return script == Character.UnicodeScript.HAN
        || script == Character.UnicodeScript.HIRAGANA
        || script == Character.UnicodeScript.KATAKANA
        || script == Character.UnicodeScript.HANGUL
        || script == Character.UnicodeScript.THAI;
  }

  /** The harmless first steps of Porter's stemmer, on words of the English alphabet. */
  private static String stem(String word) {
    if (word.length() < 4 || !word.chars().allMatch(c -> c >= 'a' && c <= 'z')) {
      return word;
    }
    String stem = word;
    if (stem.endsWith("ies") && stem.length() > 4) {
      stem = stem.substring(0, stem.length() - 3) + "y";
    } else if (stem.endsWith("s")
        && !stem.endsWith("ss")
        && !stem.endsWith("us")
        && !stem.endsWith("is")) {
      stem = stem.substring(0, stem.length() - 1);
    }
    if (stem.endsWith("ing") && stem.length() > 6) {
      stem = single(stem.substring(0, stem.length() - 3));
    } else if (stem.endsWith("ed") && stem.length() > 5) {
      stem = single(stem.substring(0, stem.length() - 2));
    }
    return stem.endsWith("e") && stem.length() > 4 ? stem.substring(0, stem.length() - 1) : stem;
  }

  /** {@code stopp} as in stopped is {@code stop}. */
  private static String single(String stem) {
    int last = stem.length() - 1;
    boolean twice = last > 2 && stem.charAt(last) == stem.charAt(last - 1);
    return twice && "lsz".indexOf(stem.charAt(last)) < 0 ? stem.substring(0, last) : stem;
  }
}
