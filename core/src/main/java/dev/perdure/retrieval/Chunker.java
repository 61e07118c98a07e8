package dev.perdure.retrieval;

import java.util.ArrayList;
import java.util.List;

/**
 * Cuts a text into pieces that are short enough to be shown a few of: at paragraphs where it can,
 * else at lines, at the ends of sentences, at spaces, and only then anywhere. Stateless.
 */
final class Chunker {
  /** The longest piece, in UTF-16 units: some 300 tokens of English. */
  static final int MAX_CHARS = 1_200;

  /** A cut before this is not worth its place: the piece would be too short to say anything. */
  private static final int MIN_CHARS = 400;

  private static final String[] CUTS = {"\n\n", "\n", ". ", "。", " "};

  private Chunker() {}

  static List<String> chunks(String text) {
    String plain = text.replace("\r\n", "\n").replace('\r', '\n').replace('\f', '\n');
    List<String> out = new ArrayList<>();
    for (int from = 0; from < plain.length(); ) {
      int to = from + MAX_CHARS >= plain.length() ? plain.length() : cut(plain, from);
      String piece = plain.substring(from, to).strip();
      if (!piece.isEmpty()) {
        out.add(piece);
      }
      from = to;
    }
    return out;
  }

  private static int cut(String text, int from) {
    int end = from + MAX_CHARS;
    for (String cut : CUTS) {
      int at = text.lastIndexOf(cut, end - cut.length());
      if (at >= from + MIN_CHARS) {
        return at + cut.length();
      }
    }
    return Character.isHighSurrogate(text.charAt(end - 1)) ? end - 1 : end;
  }
}
