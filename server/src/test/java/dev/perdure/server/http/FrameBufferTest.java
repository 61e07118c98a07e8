package dev.perdure.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.log.LogBlock;
import dev.perdure.log.LogLines;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEventCodec;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class FrameBufferTest {
  private final FrameBuffer frames = new FrameBuffer();

  private String text() {
    return new String(frames.bytes(), 0, frames.length(), UTF_8);
  }

  @Test
  void an_event_has_its_number_as_id_and_its_line_as_data() {
    byte[] line = "xx{\"seq\":7}yy".getBytes(UTF_8);

    frames.event(7, line, 2, 11);

    assertThat(text()).isEqualTo("id: 7\ndata: {\"seq\":7}\n\n");
    assertThat(frames.events()).isEqualTo(1);
  }

  @Test
  void named_frames_ids_comments_and_retry_are_what_the_standard_says() {
    frames.named("snapshot", "3", "{}".getBytes(UTF_8));
    frames.idOnly("4");
    frames.comment();
    frames.retry(1500);

    assertThat(text())
        .isEqualTo("event: snapshot\nid: 3\ndata: {}\n\nid: 4\n\n:\n\nretry: 1500\n\n");
  }

  @Test
  void no_text_ends_a_line_or_a_frame() {
    String nasty = "a\r\nb\rc\nd\n\ndata: x\n\n\u2028\u2029\u0085\ufeffid: 9\u0000\ud83d\ude00";
    byte[] line = TurnEventCodec.encode(1, new PartDelta(0, 1, 0, nasty));

    frames.event(1, line, 0, line.length);

    assertThat(text().split("\r\n|\r|\n", -1)).hasSize(4);
    assertThat(SseText.parse(text())).hasSize(1);
    PartDelta read = (PartDelta) TurnEventCodec.decode(line, 0, line.length).event();
    assertThat(read.text()).isEqualTo(nasty);
  }

  @Test
  void a_large_block_fits_and_the_room_is_given_back() {
    ByteArrayOutputStream block = new ByteArrayOutputStream();
    List<Integer> seqs = new ArrayList<>();
    for (int seq = 0; seq < 2000; seq++) {
      block.writeBytes(TurnEventCodec.encode(seq, new PartDelta(0, 1, 0, "x".repeat(200))));
      block.write('\n');
      seqs.add(seq);
    }

    LogLines.after(new LogBlock("t", 0, 1999, block.toByteArray()), -1, frames::event);

    assertThat(SseText.parse(text()).stream().map(f -> Integer.valueOf(f.id())).toList())
        .isEqualTo(seqs);
    frames.clear();
    assertThat(frames.isEmpty()).isTrue();
    assertThat(frames.bytes().length).isLessThanOrEqualTo(64 * 1024);
  }
}
