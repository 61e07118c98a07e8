package dev.perdure.server.http;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where an activity stream stands. Opaque to clients; only letters, digits and {@code ~ _ -}, so
 * that it passes unchanged through headers, URLs and event streams. Numbers are in base 36.
 *
 * <pre>
 *   cursor = "1~" WATERMARK *( "~" TURN ( "_" | "-" ) SEQ )
 * </pre>
 *
 * WATERMARK is a time by the database's clock: every turn that ended before it is dealt with. TURN
 * is an id without its prefix, for each turn that is open or ended after the watermark; SEQ is the
 * last event delivered of it, and the hyphen says that it was the turn's last. It is not signed:
 * whoever changes it changes only what of their own turns they are sent.
 *
 * @param places by turn id, in order
 */
record ActivityCursor(long watermarkMillis, Map<String, Place> places) {
  /**
   * Turns that a cursor may name; those beyond were delivered to their end and may be sent again.
   */
  static final int MAX_PLACES = 250;

  private static final String VERSION = "1";
  private static final String PREFIX = "turn_";
  private static final Pattern PLACE = Pattern.compile("([0-9a-z]{26})([_-])([0-9a-z]{1,11})");
  private static final Pattern TIME = Pattern.compile("[0-9a-z]{1,10}");
  private static final int RADIX = 36;

  /**
   * How far a turn was delivered.
   *
   * @param seq the last event delivered, at least 0
   * @param done whether it was the turn's last
   */
  record Place(long seq, boolean done) {}

  static ActivityCursor parse(String text) {
    String[] items = text.split("~", MAX_PLACES + 3);
    if (items.length < 2
        || items.length > MAX_PLACES + 2
        || !items[0].equals(VERSION)
        || !TIME.matcher(items[1]).matches()) {
      throw invalid();
    }
    Map<String, Place> places = new LinkedHashMap<>();
    for (int i = 2; i < items.length; i++) {
      Matcher place = PLACE.matcher(items[i]);
      if (!place.matches()) {
        throw invalid();
      }
      Place value = new Place(Long.parseLong(place.group(3), RADIX), place.group(2).equals("-"));
      if (places.put(PREFIX + place.group(1), value) != null) {
        throw invalid();
      }
    }
    return new ActivityCursor(Long.parseLong(items[1], RADIX), places);
  }

  String text() {
    StringBuilder out = new StringBuilder(VERSION);
    out.append('~').append(Long.toString(watermarkMillis, RADIX));
    places.forEach((turn, place) ->
        out.append('~')
            .append(turn, PREFIX.length(), turn.length())
            .append(place.done ? '-' : '_')
            .append(Long.toString(place.seq, RADIX)));
    return out.toString();
  }

  static PerdureException invalid() {
    return new PerdureException(
        ErrorCode.INVALID_CURSOR,
        "The cursor is not one that an activity stream of this server gave. Use the id of the last"
            + " event received, or leave it out to begin with the turns that are open now.");
  }
}
