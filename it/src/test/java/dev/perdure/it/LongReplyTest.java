package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A reply of a million characters in fifty thousand deltas. */
class LongReplyTest {
  private static final int DELTAS = 50_000;
  private static final int CHARS = 20;

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

    for (long after : new long[] {0, 1, 4_999, 25_000, live.lastSeq() - 1}) {
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
    }
    // An EventSource that has seen the end stops at this and does not come again.
    assertThat(api.get("/v1/turns/" + turn + "/events?after=" + live.lastSeq()).status())
        .isEqualTo(204);
  }
}
