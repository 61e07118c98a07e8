package dev.perdure.server.http;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/** What this door asks of text, and how it shows a stranger's text to him. Stateless. */
public final class Text {
  /** Longest piece of somebody's input that an error repeats, in UTF-16 code units. */
  private static final int SHOWN_CHARS = 60;

  /** The most edits between an unknown name and the one that it is taken for. */
  private static final int NEAR_EDITS = 3;

  private Text() {}

  /**
   * Refuses text that a database or a terminal would choke on: control characters except tab, line
   * feed and carriage return, and surrogates without their other half.
   *
   * @param name of the member, for the error
   */
  public static String checked(String name, String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c < ' ' ? c != '\n' && c != '\t' && c != '\r' : c == 0x7f) {
        throw invalid(name, "holds the control character " + codePoint(c) + " at " + i);
      }
      if (Character.isSurrogate(c)) {
        if (Character.isLowSurrogate(c)
            || i + 1 == text.length()
            || !Character.isLowSurrogate(text.charAt(i + 1))) {
          throw invalid(name, "holds half of a surrogate pair, " + codePoint(c) + ", at " + i);
        }
        i++;
      }
    }
    return text;
  }

  /** Like {@link #checked}, and on one line. */
  public static String line(String name, String text) {
    checked(name, text);
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) < ' ') {
        throw invalid(
            name, "holds the control character " + codePoint(text.charAt(i)) + " at " + i);
      }
    }
    return text;
  }

  private static PerdureException invalid(String name, String what) {
    return new PerdureException(
        ErrorCode.INVALID_REQUEST, "'" + name + "' " + what + ". Leave it out.");
  }

  private static String codePoint(char c) {
    return String.format("U+%04X", (int) c);
  }

  /** Somebody's input, cut and without what is not printable ASCII, to be repeated in an error. */
  public static String shown(String value) {
    String cut = value.length() > SHOWN_CHARS ? value.substring(0, SHOWN_CHARS) + "..." : value;
    return cut.replaceAll("[^\\x20-\\x7e]", "?");
  }

  /** The text with a question mark for each surrogate that has no other half. */
  static String wellFormed(String text) {
    StringBuilder out = null;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean pair =
          Character.isHighSurrogate(c)
              && i + 1 < text.length()
              && Character.isLowSurrogate(text.charAt(i + 1));
      if (pair) {
        i++;
      } else if (Character.isSurrogate(c)) {
        out = out == null ? new StringBuilder(text) : out;
        out.setCharAt(i, '?');
      }
    }
    return out == null ? text : out.toString();
  }

  /** " Did you mean 'x'?", or nothing if no known name is near. */
  static String didYouMean(String unknown, Collection<String> known) {
    if (unknown.length() > SHOWN_CHARS) {
      return "";
    }
    Optional<String> nearest =
        known.stream()
            .min(Comparator.comparingInt((String k) -> edits(unknown, k)))
            .filter(k -> edits(unknown, k) <= Math.min(NEAR_EDITS, k.length() / 2 + 1));
    return nearest.map(name -> " Did you mean '" + name + "'?").orElse("");
  }

  /** Levenshtein's distance, letter case aside. */
  private static int edits(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j < row.length; j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int above = row[j];
        boolean same =
            Character.toLowerCase(a.charAt(i - 1)) == Character.toLowerCase(b.charAt(j - 1));
        row[j] = Math.min(diagonal + (same ? 0 : 1), 1 + Math.min(above, row[j - 1]));
        diagonal = above;
      }
    }
    return row[b.length()];
  }
}
