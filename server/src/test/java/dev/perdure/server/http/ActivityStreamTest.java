package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.server.http.Door.Answer;
import dev.perdure.server.http.SseText.Frame;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ActivityStreamTest {
  private static final String INBOX = "/v1/inbox/events";

  @TempDir private Path data;
  private Door door;

  @BeforeEach
  void open() {
    door = new Door(data);
  }

  @AfterEach
  void close() {
    door.close();
  }

  /** What a client has put together: the sequence numbers of each turn, in order of arrival. */
  private static final class Seen {
    final Map<String, List<Integer>> turns = new LinkedHashMap<>();
    final Set<String> ended = new LinkedHashSet<>();

    void take(Frame frame) throws Exception {
      if (frame.event().equals(Notices.EVENT)) {
        return; // A machine so slow that commits wait is no matter of this test.
      }
      assertThat(frame.event()).isEmpty();
      JsonNode json = EventReader.json(frame);
      String turn = json.path("turn").textValue();
      turns
          .computeIfAbsent(turn, t -> new ArrayList<>())
          .add(json.path("event").path("seq").intValue());
      if (json.path("event").path("type").textValue().equals("turn.ended")) {
        ended.add(turn);
      }
    }

    void complete(int count) {
      assertThat(ended).hasSize(count);
      turns.forEach((turn, seqs) -> {
        for (int i = 0; i < seqs.size(); i++) {
          assertThat(seqs.get(i)).as(turn + " " + seqs).isEqualTo(i);
        }
      });
    }
  }

  @Test
  void open_turns_and_later_ones_come_over_one_stream() throws Exception {
    String first = door.turn(door.session(), "a");
    HandProvider.Call firstCall = door.provider.call();
    Seen seen = new Seen();
    try (EventReader reader = door.events(INBOX)) {
      for (Frame frame : reader.until("attempt.started")) {
        seen.take(frame);
      }
      String second = door.turn(door.session(), "b");
      door.provider.call().say("of b").finish();
      for (Frame frame : reader.until("turn.ended")) {
        seen.take(frame);
      }
      assertThat(seen.ended).containsExactly(second);
      firstCall.say("of a").finish();
      for (Frame frame : reader.until("turn.ended")) {
        seen.take(frame);
      }
      assertThat(seen.ended).containsExactly(second, first);
      seen.complete(2);
    }
  }

  @Test
  void a_resume_neither_misses_nor_doubles_whatever_the_moment() throws Exception {
    String session = door.session();
    String other = door.session();
    Seen seen = new Seen();
    String cursor = "";
    int frames = 0;
    // Cut the connection after every third frame, and let turns begin and end in between.
    for (int round = 0; round < 6; round++) {
      door.turn(round % 2 == 0 ? session : other, "message " + round);
      HandProvider.Call call = door.provider.call();
      call.say("x").say("y");
      if (round % 3 == 2) {
        call.say("z").finish();
        awaitOver();
      }
      try (EventReader reader = connect(cursor)) {
        for (int i = 0; i < 3; i++) {
          Frame frame = reader.next();
          if (frame == null) {
            throw new AssertionError("ended: " + reader.text());
          }
          seen.take(frame);
          cursor = frame.id();
          frames++;
        }
      }
      if (round % 3 != 2) {
        call.finish();
        awaitOver();
      }
    }
    assertThat(frames).isEqualTo(18);
    try (EventReader reader = connect(cursor)) {
      while (seen.ended.size() < 6) {
        Frame frame = reader.next();
        if (frame == null) {
          throw new AssertionError("ended: " + reader.text());
        }
        seen.take(frame);
      }
    }
    seen.complete(6);
  }

  private EventReader connect(String cursor) throws Exception {
    return cursor.isEmpty() ? door.events(INBOX) : door.events(INBOX, "Last-Event-ID", cursor);
  }

  private void awaitOver() throws Exception {
    long deadline = System.nanoTime() + Door.PATIENCE.toNanos();
    while (!door.get("/v1/turns?state=active").json().path("items").isEmpty()) {
      assertThat(System.nanoTime()).isLessThan(deadline);
    }
  }

  @Test
  void where_streams_are_held_back_polls_bring_all_of_it() throws Exception {
    String cursor;
    try (EventReader first = door.events(INBOX + "?wait=0")) {
      assertThat(first.rest()).isEmpty();
      cursor = SseText.lastId(first.text());
    }
    String turn = door.turn(door.session(), "a");
    HandProvider.Call call = door.provider.call();
    Seen seen = new Seen();
    boolean said = false;
    while (seen.ended.isEmpty()) {
      try (EventReader reader = door.events(INBOX + "?wait=60", "Last-Event-ID", cursor)) {
        for (Frame frame : reader.rest()) {
          seen.take(frame);
        }
        cursor = SseText.lastId(reader.text());
      }
      if (!said && seen.turns.containsKey(turn)) {
        call.say("x").say("y").finish();
        said = true;
      }
    }
    seen.complete(1);
  }

  @Test
  void what_was_delivered_to_its_end_is_not_sent_again() throws Exception {
    String turn = door.turn(door.session(), "a");
    HandProvider.Call call = door.provider.call();
    String cursor;
    try (EventReader reader = door.events(INBOX)) {
      reader.until("turn.accepted");
      call.say("x").finish();
      List<Frame> frames = reader.until("turn.ended");
      cursor = frames.getLast().id();
    }
    try (EventReader reader = door.events(INBOX, "Last-Event-ID", cursor)) {
      String later = door.turn(door.session(), "b");
      door.provider.call().say("y").finish();
      List<Frame> frames = reader.until("turn.ended");
      assertThat(frames).noneMatch(frame -> frame.data().contains(turn));
      assertThat(frames).allMatch(frame -> frame.data().contains(later));
    }
  }

  @Test
  void a_client_that_has_seen_nothing_yet_can_resume() throws Exception {
    String cursor;
    try (EventReader reader = door.events(INBOX)) {
      long deadline = System.nanoTime() + Door.PATIENCE.toNanos();
      while (SseText.lastId(reader.text()).isEmpty()) {
        assertThat(System.nanoTime()).isLessThan(deadline);
        Thread.onSpinWait();
      }
      cursor = SseText.lastId(reader.text());
    }
    String turn = door.turn(door.session(), "a");
    door.provider.call().say("x").finish();
    awaitOver();
    Seen seen = new Seen();
    try (EventReader reader = door.events(INBOX, "Last-Event-ID", cursor)) {
      for (Frame frame : reader.until("turn.ended")) {
        seen.take(frame);
      }
    }
    assertThat(seen.ended).containsExactly(turn);
    seen.complete(1);
  }

  @Test
  void a_session_s_stream_has_that_session_only() throws Exception {
    String session = door.session();
    door.turn(door.session(), "elsewhere");
    door.provider.call().say("no").finish();
    try (EventReader reader = door.events("/v1/sessions/" + session + "/events")) {
      String turn = door.turn(session, "here");
      door.provider.call().say("yes").finish();
      assertThat(reader.until("turn.ended"))
          .allMatch(frame -> frame.data().contains(turn) && frame.data().contains(session));
    }
  }

  @Test
  void a_snapshot_stands_for_what_was_before() throws Exception {
    String turn = door.turn(door.session(), "a");
    HandProvider.Call call = door.provider.call();
    call.say("one ").say("two ");
    try (EventReader reader = door.events("/v1/turns/" + turn + "/events")) {
      reader.until("two ");
    }
    try (EventReader reader = door.events(INBOX + "?from=snapshot")) {
      Frame frame = reader.until("snapshot").getLast();
      assertThat(frame.event()).isEqualTo("snapshot");
      JsonNode json = EventReader.json(frame);
      assertThat(json.path("turn").textValue()).isEqualTo(turn);
      long seq = json.path("snapshot").path("seq").longValue();
      call.say("three").finish();
      List<Frame> rest = reader.until("turn.ended");
      assertThat(EventReader.json(rest.getFirst()).path("event").path("seq").longValue())
          .isEqualTo(seq + 1);
    }
  }

  @Test
  void an_expired_turn_is_said_to_be_so() throws Exception {
    String turn = door.turn(door.session(), "a");
    HandProvider.Call call = door.provider.call();
    String cursor;
    try (EventReader reader = door.events(INBOX)) {
      cursor = reader.until("turn.accepted").getLast().id();
    }
    call.say("x").finish();
    awaitOver();
    door.database.write(tx -> {
      tx.update("DELETE FROM log_block WHERE turn_id = ?", turn);
      return tx.update("UPDATE turn SET log_expired = 1 WHERE id = ?", turn);
    });
    try (EventReader reader = door.events(INBOX, "Last-Event-ID", cursor)) {
      Frame frame = reader.until(turn).getLast();
      assertThat(frame.event()).isEqualTo("expired");
    }
  }

  @Test
  void hostile_and_outdated_cursors_are_refused() throws Exception {
    for (String cursor : List.of("x", "1", "1~~", "1~zzzzzzzzzz", "-1", "0")) {
      Answer answer = door.get(INBOX, "Last-Event-ID", cursor);
      assertThat(answer.status()).as(cursor).isEqualTo(400);
      assertThat(answer.json().path("code").textValue()).isEqualTo("invalid_cursor");
    }
    Answer old = door.get(INBOX + "?after=1~0");
    assertThat(old.status()).isEqualTo(410);
    assertThat(old.json().path("code").textValue()).isEqualTo("expired");
  }

  @Test
  void somebody_else_s_turns_in_a_cursor_are_passed_over() throws Exception {
    long now = door.conversations.now();
    String foreign = "turn_" + "0".repeat(26);
    String cursor =
        new ActivityCursor(now, Map.of(foreign, new ActivityCursor.Place(3, false))).text();
    try (EventReader reader = door.events(INBOX, "Last-Event-ID", cursor)) {
      String turn = door.turn(door.session(), "a");
      door.provider.call().say("x").finish();
      assertThat(reader.until("turn.ended")).allMatch(frame -> frame.data().contains(turn));
    }
  }

  @Test
  void a_drain_ends_the_stream_cleanly() throws Exception {
    try (EventReader reader = door.events(INBOX)) {
      door.turn(door.session(), "a");
      door.provider.call();
      reader.until("turn.accepted");
      door.http.drain();
      assertThat(reader.rest()).allMatch(frame -> frame.data().contains("event"));
    }
  }
}
