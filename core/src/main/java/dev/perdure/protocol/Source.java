package dev.perdure.protocol;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Something that a reply rests on: a document of which the model was shown pieces, or a page that
 * its provider says it has cited. Both names and addresses are strangers' text: here they are cut,
 * and an address that is none of the web is no source. Immutable.
 *
 * @param title the name of the document, or the title of the page; its host if it has none
 * @param url of a page, {@code http} or {@code https}; null for a document
 * @param document the id of a document; null for a page
 * @param mediaType of a document; null for a page
 * @param pieces which pieces of a document were shown, counted from 0; empty for a page
 */
public record Source(
    String title,
    @Nullable String url,
    @Nullable String document,
    @Nullable String mediaType,
    List<Integer> pieces) {

  public static final String DOCUMENT = "document";
  public static final String URL = "url";

  /** In UTF-16 units; longer ones are cut. */
  public static final int MAX_TITLE_CHARS = 300;

  /** In UTF-16 units; a longer one is no source. */
  public static final int MAX_URL_CHARS = 2_048;

  public Source {
    pieces = List.copyOf(pieces);
  }

  /** A document of which pieces were shown. */
  public static Source document(String id, String name, String mediaType, List<Integer> pieces) {
    String title = line(name);
    return new Source(title.isEmpty() ? id : title, null, id, mediaType, pieces);
  }

  /** A page, if its address is one that may be shown as a link. */
  public static Optional<Source> page(@Nullable String url, @Nullable String title) {
    @Nullable String host = url == null || url.length() > MAX_URL_CHARS ? null : host(url);
    if (url == null || host == null) {
      return Optional.empty();
    }
    String line = title == null ? "" : line(title);
    return Optional.of(new Source(line.isEmpty() ? host : line, url, null, null, List.of()));
  }

  /** {@link #DOCUMENT} or {@link #URL}. */
  public String kind() {
    return url == null ? DOCUMENT : URL;
  }

  /** What makes it the same source as another one of its kind. */
  public String key() {
    return String.valueOf(url == null ? document : url);
  }

  /** Who has a name in the address before its host wants to look like another host. */
  private static @Nullable String host(String url) {
    try {
      URI uri = new URI(url);
      @Nullable String scheme = uri.getScheme();
      boolean web =
          scheme != null
              && (scheme.toLowerCase(Locale.ROOT).equals("https")
                  || scheme.toLowerCase(Locale.ROOT).equals("http"));
      boolean plain = uri.getRawUserInfo() == null && url.chars().allMatch(c -> c > 32 && c < 127);
      return web && plain ? uri.getHost() : null;
    } catch (URISyntaxException e) {
      return null;
    }
  }

  /** One line without what could make it read as something else; whole characters only. */
  private static String line(String text) {
    StringBuilder out = new StringBuilder();
    text.codePoints()
        .limit(MAX_TITLE_CHARS)
        .map(c -> Character.isISOControl(c) || Character.isWhitespace(c) ? ' ' : c)
        .map(c -> Character.getType(c) == Character.SURROGATE ? '\uFFFD' : c)
        .filter(c -> !turnsText(c))
        .takeWhile(c -> out.length() + Character.charCount(c) <= MAX_TITLE_CHARS)
        .forEach(out::appendCodePoint);
    return out.toString().strip();
  }

  /** The marks by which text changes its direction. */
  private static boolean turnsText(int c) {
    return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
  }
}
