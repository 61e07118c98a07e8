package dev.perdure.terminal;

/**
 * Makes text from a server safe to print. What a model says is untrusted: without this, an escape
 * sequence in a reply could rewrite what is on the screen or paste into the next prompt. Stateless.
 */
final class Printable {
  private Printable() {}

  /**
   * Keeps line feeds and tabs and drops every other control character, so that no escape sequence
   * is left whole, and the marks that turn the direction of text around.
   */
  static String text(String untrusted) {
    int at = firstUnsafe(untrusted);
    if (at < 0) {
      return untrusted;
    }
    StringBuilder out = new StringBuilder(untrusted.length());
    out.append(untrusted, 0, at);
    for (; at < untrusted.length(); at++) {
      char c = untrusted.charAt(at);
      if (safe(c)) {
        out.append(c);
      }
    }
    return out.toString();
  }

  /** As {@link #text}, on one line. */
  static String line(String untrusted) {
    return text(untrusted).replace('\n', ' ').replace('\t', ' ').strip();
  }

  private static int firstUnsafe(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (!safe(text.charAt(i))) {
        return i;
      }
    }
    return -1;
  }

  private static boolean safe(char c) {
    if (c == '\n' || c == '\t') {
      return true;
    }
    if (c < ' ' || (c >= 0x7f && c <= 0x9f)) {
      return false;
    }
    // Bidirectional overrides and isolates: they make text read other than it is.
    return !((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069));
  }
}
