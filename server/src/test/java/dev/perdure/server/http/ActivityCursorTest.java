package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.http.ActivityCursor.Place;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ActivityCursorTest {
  private final Ids ids = Ids.system();

  @Test
  void a_cursor_comes_back_as_it_went_out() {
    Map<String, Place> places = new LinkedHashMap<>();
    for (int i = 0; i < ActivityCursor.MAX_PLACES; i++) {
      places.put(ids.turn(), new Place(i * 1_000_003L, i % 3 == 0));
    }
    ActivityCursor cursor = new ActivityCursor(1_763_712_000_000L, places);

    assertThat(ActivityCursor.parse(cursor.text())).isEqualTo(cursor);
    assertThat(ActivityCursor.parse(new ActivityCursor(0, Map.of()).text()).places()).isEmpty();
  }

  @Test
  void a_cursor_passes_through_headers_and_urls_unchanged() {
    String text = new ActivityCursor(5, Map.of(ids.turn(), new Place(77, true))).text();

    assertThat(text).matches("[0-9a-z~_-]+");
  }

  @Test
  void hostile_cursors_are_refused() {
    String turn = ids.turn().substring(5);
    String many = ("~" + turn + "_0").repeat(ActivityCursor.MAX_PLACES + 1);
    StringBuilder tooMany = new StringBuilder("1~0");
    for (int i = 0; i <= ActivityCursor.MAX_PLACES; i++) {
      tooMany.append('~').append(ids.turn().substring(5)).append("_0");
    }
    for (String text :
        List.of(
            "",
            "1",
            "1~",
            "2~0",
            "1~-5",
            "1~zzzzzzzzzzz",
            "1~0~",
            "1~0~x_0",
            "1~0~" + turn,
            "1~0~" + turn + "_",
            "1~0~" + turn + "_-1",
            "1~0~" + turn + "*0",
            "1~0\n",
            "\u0000",
            "1~0~" + turn + "_0~" + turn + "_1",
            "1~0" + many,
            tooMany.toString(),
            "1~0~" + turn + "_zzzzzzzzzzzzz")) {
      assertThatThrownBy(() -> ActivityCursor.parse(text))
          .as(text)
          .isInstanceOfSatisfying(
              PerdureException.class,
              e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_CURSOR));
    }
  }

  @Test
  void a_changed_cursor_is_read_or_refused_and_nothing_else() {
    String text =
        new ActivityCursor(1_763_712_000_000L, Map.of(ids.turn(), new Place(3, false))).text();
    Random random = new Random(3);
    for (int round = 0; round < 20_000; round++) {
      char[] changed = text.toCharArray();
      changed[random.nextInt(changed.length)] = (char) (32 + random.nextInt(96));
      try {
        ActivityCursor cursor = ActivityCursor.parse(new String(changed));
        assertThat(cursor.watermarkMillis()).isNotNegative();
        assertThat(cursor.places().values()).allMatch(place -> place.seq() >= 0);
      } catch (PerdureException e) {
        assertThat(e.code()).isEqualTo(ErrorCode.INVALID_CURSOR);
      }
    }
  }
}
