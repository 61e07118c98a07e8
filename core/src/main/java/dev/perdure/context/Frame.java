package dev.perdure.context;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * Marks off pieces of text for a model, so that no piece can end itself and go on as another one:
 * the lines around a piece hold a code that occurs in none of the pieces. Immutable.
 *
 * <p>The code is a digest of the pieces and the session's id. It is the same as long as the pieces
 * are, so that vendors' caches of prompts are hit; and whoever wrote one piece does not know the
 * others, let alone the session, so that he cannot guess it. Should it occur nevertheless, another
 * one is made.
 */
final class Frame {
  private static final int CODE_BYTES = 6;

  private final String code;

  private Frame(String code) {
    this.code = code;
  }

  /**
   * @param salt the id of the session
   */
  static Frame around(String salt, List<String> pieces) {
    for (int round = 0; ; round++) {
      MessageDigest digest = sha256();
      add(digest, salt);
      add(digest, Integer.toString(round));
      pieces.forEach(piece -> add(digest, piece));
      String code = HexFormat.of().formatHex(digest.digest(), 0, CODE_BYTES);
      if (pieces.stream().noneMatch(piece -> piece.contains(code))) {
        return new Frame(code);
      }
    }
  }

  private static void add(MessageDigest digest, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    digest.update(Integer.toString(bytes.length).getBytes(StandardCharsets.US_ASCII));
    digest.update((byte) ':');
    digest.update(bytes);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }

  String code() {
    return code;
  }

  /**
   * Appends a piece between its two lines.
   *
   * @param label of letters, digits, spaces and {@code =_"}: made here, never a stranger's text
   */
  void append(StringBuilder out, String label, String piece) {
    out.append("--- ").append(code).append(" begin ").append(label).append(" ---\n");
    out.append(piece);
    out.append("\n--- ").append(code).append(" end ").append(label).append(" ---\n");
  }
}
