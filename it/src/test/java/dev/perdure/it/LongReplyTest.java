package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A reply of a million characters in a hundred thousand events. */
class LongReplyTest {
  private static final int DELTAS = 100_000;
  private static final int CHARS = 10;

  @TempDir static Path data;
  static Server server;
  static Api api;
  static String session;
  static String turn;

  @BeforeAll
  static void start() {
    server = Server.setup().start(data);
    api = server.api();
    session = api.createSession();
    turn = api.submit(session, "/script chunks=" + DELTAS + ";size=" + CHARS + ";interval=0ms");
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @Test
  void it_arrives_whole_in_a_burst_and_is_cheap_to_open_again() {
    Transcript live = api.follow(turn);
    assertThat(live.state()).isEqualTo("completed");
    assertThat(live.text()).hasSize(DELTAS * CHARS);
    assertThat(Api.text(api.reply(session, turn))).isEqualTo(live.text());

    List<JsonNode> opened = new ArrayList<>();
    long[] bytes = {0};
    api.stream(
        "/v1/turns/" + turn + "/events?from=snapshot",
        null,
        frame -> {
          bytes[0] += frame.data().getBytes(StandardCharsets.UTF_8).length;
          opened.add(Api.read(frame.data()));
          assertThat(frame.event()).isEqualTo("snapshot");
          return false;
        });
    assertThat(opened.getFirst().path("seq").asLong()).isEqualTo(live.lastSeq());
    assertThat(
            opened
                .getFirst()
                .required("lanes")
                .required(0)
                .required("parts")
                .required(0)
                .path("text")
                .asText())
        .isEqualTo(live.text());
    assertThat(bytes[0])
        .as("bytes on the wire")
        .isLessThan(live.text().getBytes(StandardCharsets.UTF_8).length * 12L / 10);

    assertThat(live.events()).hasSizeGreaterThan(DELTAS);
    LongStream cursors =
        LongStream.concat(
            LongStream.of(0, 1, live.lastSeq() - 1), new Random(1).longs(40, 0, live.lastSeq()));
    for (long after : cursors.toArray()) {
      List<String> ids = new ArrayList<>();
      api.stream(
          "/v1/turns/" + turn + "/events",
          Long.toString(after),
          frame -> {
            ids.add(frame.id());
            return ids.size() == 100;
          });
      for (int i = 0; i < ids.size(); i++) {
        assertThat(ids.get(i)).isEqualTo(Long.toString(after + 1 + i));
      }
      assertThat(ids).hasSize((int) Math.min(100, live.lastSeq() - after));
    }
    for (long before = 1; before <= 20; before++) {
      List<String> rest = new ArrayList<>();
      api.stream(
          "/v1/turns/" + turn + "/events",
          Long.toString(live.lastSeq() - before),
          frame -> !rest.add(frame.data()));
      assertThat(rest).hasSize((int) before);
      assertThat(rest.getLast()).as("the end, whatever the cursor").contains("turn.ended");
    }
    // An EventSource that has seen the end stops at this and does not come again.
    assertThat(api.get("/v1/turns/" + turn + "/events?after=" + live.lastSeq()).status())
        .isEqualTo(204);
  }
}
