package dev.perdure.server.http;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.server.http.Door.Answer;
import dev.perdure.server.http.SseText.Frame;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TurnStreamTest {
  @TempDir private Path data;
  private Door door;

  @BeforeEach
  void open() {
    door = new Door(data);
  }

  @AfterEach
  void close() throws Exception {
    door.close();
  }

  private static String events(String turn) {
    return "/v1/turns/" + turn + "/events";
  }

  /** A turn that is over, with three words. */
  private String finished() throws Exception {
    String turn = door.turn(door.session(), "hi");
    door.provider.call().say("one ").say("two\r\n\r\n").say("three").finish();
    try (EventReader reader = door.events(events(turn))) {
      reader.rest();
    }
    return turn;
  }

  @Test
  void a_stream_delivers_each_event_once_in_order_and_ends_after_the_last() throws Exception {
    String turn = door.turn(door.session(), "hi");
    HandProvider.Call call = door.provider.call();
    try (EventReader reader = door.events(events(turn))) {
      assertThat(reader.status()).isEqualTo(200);
      assertThat(reader.response.headers().firstValue("content-type"))
          .contains("text/event-stream; charset=utf-8");
      assertThat(reader.response.headers().firstValue("cache-control"))
          .contains("no-cache, no-transform");
      assertThat(reader.response.headers().firstValue("x-accel-buffering")).contains("no");
      call.say("one ");
      List<Frame> frames = new ArrayList<>(reader.until("one "));
      call.say("two");
      frames.addAll(reader.until("two"));
      call.finish();
      frames.addAll(reader.rest());

      for (int i = 0; i < frames.size(); i++) {
        assertThat(frames.get(i).id()).isEqualTo(Integer.toString(i));
        assertThat(frames.get(i).event()).isEmpty();
        assertThat(EventReader.json(frames.get(i)).path("seq").intValue()).isEqualTo(i);
      }
      assertThat(EventReader.json(frames.getFirst()).path("type").textValue())
          .isEqualTo("turn.accepted");
      assertThat(EventReader.json(frames.getLast()).path("type").textValue())
          .isEqualTo("turn.ended");
      assertThat(reader.text()).startsWith("retry: 1000\n\n");
    }
  }

  @Test
  void every_cursor_resumes_with_exactly_the_events_after_it() throws Exception {
    String turn = finished();
    List<Frame> whole;
    try (EventReader reader = door.events(events(turn))) {
      whole = reader.rest();
    }
    for (int after = 0; after < whole.size() - 1; after++) {
      try (EventReader header =
              door.events(events(turn), "Last-Event-ID", Integer.toString(after));
          EventReader query = door.events(events(turn) + "?after=" + after);
          EventReader reconnect =
              door.events(
                  events(turn) + "?from=snapshot&after=0",
                  "Last-Event-ID",
                  Integer.toString(after))) {
        List<Frame> expected = whole.subList(after + 1, whole.size());
        assertThat(header.rest()).isEqualTo(expected);
        assertThat(query.rest()).isEqualTo(expected);
        assertThat(reconnect.rest()).isEqualTo(expected);
      }
    }
    try (EventReader all = door.events(events(turn) + "?after=-1")) {
      assertThat(all.rest()).isEqualTo(whole);
    }
  }

  @Test
  void a_cursor_at_the_end_or_behind_it_is_told_to_stop() throws Exception {
    String turn = finished();
    long last = door.get("/v1/turns/" + turn).json().path("seq").longValue();
    for (long after : new long[] {last, last + 1, last + 1000, 999_999_999_999_999_999L}) {
      Answer answer =
          door.get(events(turn), "Last-Event-ID", Long.toString(after), "Accept", "*/*");
      assertThat(answer.status()).isEqualTo(204);
      assertThat(answer.text()).isEmpty();
    }
  }

  @Test
  void a_cursor_beyond_a_live_log_is_refused() throws Exception {
    String turn = door.turn(door.session(), "hi");
    door.provider.call();

    Answer answer = door.get(events(turn) + "?after=1000");

    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.json().path("code").textValue()).isEqualTo("invalid_cursor");
    assertThat(answer.json().path("detail").textValue()).contains("1000");
  }

  @Test
  void cursors_that_are_no_numbers_are_refused() throws Exception {
    String turn = finished();
    for (String after :
        List.of("x", "-2", "1.5", "9999999999999999999999", "0x1", "%20", "%0a1", "1%00")) {
      Answer answer = door.get(events(turn) + "?after=" + after);
      assertThat(answer.status()).as(after).isEqualTo(400);
      assertThat(answer.header("content-type")).isEqualTo("application/problem+json");
    }
  }

  @Test
  void a_snapshot_and_its_tail_are_the_whole() throws Exception {
    String turn = door.turn(door.session(), "hi");
    HandProvider.Call call = door.provider.call();
    call.say("one ").say("two ");
    try (EventReader first = door.events(events(turn))) {
      first.until("two ");
    }
    try (EventReader reader = door.events(events(turn) + "?from=snapshot")) {
      Frame snapshot = requireNonNull(reader.next());
      assertThat(snapshot.event()).isEqualTo("snapshot");
      JsonNode json = EventReader.json(snapshot);
      assertThat(snapshot.id()).isEqualTo(json.path("seq").asText());
      assertThat(json.path("turn").textValue()).isEqualTo(turn);
      JsonNode lane = json.path("lanes").path(0);
      assertThat(lane.path("state").textValue()).isEqualTo("streaming");
      assertThat(lane.path("parts").path(0).path("text").textValue()).isEqualTo("one two ");
      assertThat(lane.path("parts").path(0).path("kind").textValue()).isEqualTo("text");

      call.say("three").finish();
      List<Frame> tail = reader.rest();
      assertThat(tail.getFirst().id()).isEqualTo(Long.toString(Long.parseLong(snapshot.id()) + 1));
      assertThat(tail.getFirst().data()).contains("three");
      assertThat(tail.getLast().data()).contains("turn.ended");
    }
  }

  @Test
  void a_snapshot_of_a_turn_that_is_over_ends_at_once() throws Exception {
    String turn = finished();
    try (EventReader reader = door.events(events(turn) + "?from=snapshot")) {
      List<Frame> frames = reader.rest();
      assertThat(frames).hasSize(1);
      JsonNode json = EventReader.json(frames.getFirst());
      assertThat(json.path("state").textValue()).isEqualTo("completed");
      assertThat(json.path("lanes").path(0).path("parts").path(0).path("text").textValue())
          .isEqualTo("one two\r\n\r\nthree");
      assertThat(door.get(events(turn), "Last-Event-ID", frames.getFirst().id()).status())
          .isEqualTo(204);
    }
  }

  @Test
  void a_drain_ends_streams_cleanly_and_new_ones_are_still_served() throws Exception {
    String turn = door.turn(door.session(), "hi");
    HandProvider.Call call = door.provider.call();
    try (EventReader reader = door.events(events(turn))) {
      reader.until("turn.accepted");

      door.http.drain();

      reader.rest();
      assertThat(door.get("/readyz").status()).isEqualTo(503);
      assertThat(door.get("/livez").status()).isEqualTo(200);
      try (EventReader again = door.events(events(turn), "Last-Event-ID", "0")) {
        assertThat(again.status()).isEqualTo(200);
        call.say("still here").finish();
        assertThat(again.rest().getLast().data()).contains("turn.ended");
      }
    }
  }

  @Test
  void once_the_log_lets_its_readers_go_streams_end_and_come_again() throws Exception {
    String turn = door.turn(door.session(), "hi");
    door.provider.call();
    try (EventReader reader = door.events(events(turn));
        EventReader inbox = door.events("/v1/inbox/events")) {
      reader.until("turn.accepted");
      inbox.until("turn.accepted");

      door.log.releaseFollowers();

      reader.rest();
      inbox.rest();
    }
    try (EventReader again = door.events(events(turn), "Last-Event-ID", "0")) {
      assertThat(again.status()).isEqualTo(200);
      assertThat(again.rest()).isEmpty();
    }
  }

  @Test
  void a_deleted_session_ends_its_streams() throws Exception {
    String session = door.session();
    String turn = door.turn(session, "hi");
    door.provider.call();
    try (EventReader reader = door.events(events(turn));
        EventReader inbox = door.events("/v1/inbox/events")) {
      reader.until("attempt.started");
      inbox.until("attempt.started");

      assertThat(door.send("DELETE", "/v1/sessions/" + session, null).status()).isEqualTo(204);

      reader.rest();
      assertThat(door.get(events(turn)).status()).isEqualTo(404);
      String other = door.turn(door.session(), "still here");
      assertThat(inbox.until(other)).isNotEmpty();
    }
  }

  @Test
  void a_long_poll_gives_events_and_where_to_go_on() throws Exception {
    String turn = door.turn(door.session(), "hi");
    HandProvider.Call call = door.provider.call();
    String path = events(turn);
    List<Integer> seqs = new ArrayList<>();
    String text = "";
    long next = -1;
    call.say("one ").say("two").finish();
    boolean ended = false;
    while (!ended) {
      Answer answer = door.get(path + "?wait=20&after=" + next, "Accept", "application/json");
      assertThat(answer.status()).isEqualTo(200);
      JsonNode json = answer.json();
      for (JsonNode event : json.path("events")) {
        seqs.add(event.path("seq").intValue());
        text += event.path("text").asText("");
      }
      next = json.path("next").longValue();
      ended = json.path("ended").booleanValue();
      assertThat(ended || !json.path("events").isEmpty()).isTrue();
    }
    assertThat(seqs).isEqualTo(IntStream.rangeClosed(0, (int) next).boxed().toList());
    assertThat(text).isEqualTo("one two");
    JsonNode after = door.get(path + "?wait=20&after=" + next, "Accept", "application/json").json();
    assertThat(after.path("ended").booleanValue()).isTrue();
    assertThat(after.path("events")).isEmpty();
    assertThat(after.path("state").textValue()).isEqualTo("completed");
  }

  @Test
  void a_poll_without_wait_answers_at_once_with_nothing() throws Exception {
    String turn = door.turn(door.session(), "hi");
    door.provider.call();
    try (EventReader reader = door.events(events(turn))) {
      reader.until("attempt.started");
    }
    JsonNode json = door.get(events(turn) + "?after=2", "Accept", "application/json").json();
    assertThat(json.path("events")).isEmpty();
    assertThat(json.path("next").intValue()).isEqualTo(2);
    assertThat(json.path("ended").booleanValue()).isFalse();
    assertThat(json.path("state").textValue()).isEqualTo("running");
  }

  @Test
  void the_download_is_the_log_byte_for_byte() throws Exception {
    String turn = finished();
    List<Frame> frames;
    try (EventReader reader = door.events(events(turn))) {
      frames = reader.rest();
    }
    Answer answer = door.get("/v1/turns/" + turn + "/download");
    assertThat(answer.header("content-type")).isEqualTo("application/x-ndjson");
    assertThat(answer.header("content-disposition"))
        .isEqualTo("attachment; filename=\"" + turn + ".jsonl\"");
    assertThat(answer.text())
        .isEqualTo(String.join("\n", frames.stream().map(Frame::data).toList()) + "\n");
  }

  @Test
  void an_expired_log_points_to_the_messages() throws Exception {
    String session = door.session();
    String turn = door.turn(session, "hi");
    door.provider.call().say("x").finish();
    try (EventReader reader = door.events(events(turn))) {
      reader.rest();
    }
    door.database.write(tx -> {
      tx.update("DELETE FROM log_block WHERE turn_id = ?", turn);
      return tx.update("UPDATE turn SET log_expired = 1 WHERE id = ?", turn);
    });
    for (String path : List.of(events(turn), "/v1/turns/" + turn + "/download")) {
      Answer answer = door.get(path);
      assertThat(answer.status()).isEqualTo(410);
      assertThat(answer.json().path("messages").textValue())
          .isEqualTo("/v1/sessions/" + session + "/messages");
    }
    Answer status = door.get("/v1/turns/" + turn);
    assertThat(status.status()).isEqualTo(200);
    assertThat(status.json().path("logExpired").booleanValue()).isTrue();
    assertThat(status.json().path("state").textValue()).isEqualTo("completed");
  }

  @Test
  void head_says_what_get_would_say_without_a_body() throws Exception {
    String turn = finished();
    Answer head = door.send("HEAD", events(turn), null);
    assertThat(head.status()).isEqualTo(200);
    assertThat(head.header("content-type")).startsWith("text/event-stream");
    assertThat(head.text()).isEmpty();
    Answer status = door.send("HEAD", "/v1/turns/" + turn, null);
    assertThat(status.status()).isEqualTo(200);
    assertThat(status.header("content-length"))
        .isEqualTo(Integer.toString(door.get("/v1/turns/" + turn).response().body().length));
  }
}
