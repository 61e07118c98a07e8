package dev.perdure.log;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.db.Database;
import dev.perdure.log.Follower.Batch;
import dev.perdure.log.Follower.Status;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.protocol.TurnState;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What the log promises, on both databases. */
abstract class TurnLogContract {
  static final Duration GENEROUS = Duration.ofSeconds(30);

  abstract Database database();

  TurnLog open(String node) {
    return new TurnLog(database(), node, LogLimits.DEFAULT);
  }

  static TurnEvent delta(String text) {
    return new PartDelta(0, 1, 0, text);
  }

  @Test
  void a_turn_is_written_followed_and_ended() throws Exception {
    try (TurnLog log = open("n1")) {
      String turn = TurnRows.queued(database(), log);
      Follower follower = log.follow(turn, -1);
      long epoch = TurnRows.claim(database(), log, turn, "n1");
      TurnWriter writer = log.openWriter(turn, epoch, () -> {});
      writer.append(new AttemptStarted(0, 0, 1, "demo/a", null));
      writer.append(new PartStarted(0, 1, 0, PartKind.TEXT));
      writer.append(delta("Hello "));
      writer.append(delta("world"));
      writer.end(List.of(), TurnState.COMPLETED, null, TurnRows.ending(turn, epoch, "n1"));
      writer.close();
      ByteArrayOutputStream seen = new ByteArrayOutputStream();
      while (true) {
        Batch batch = follower.next(GENEROUS);
        if (batch.status() == Status.ENDED) {
          break;
        }
        assertThat(batch.status()).isEqualTo(Status.DATA);
        batch.blocks().forEach(block -> seen.writeBytes(block.payload()));
      }
      follower.close();
      String text = seen.toString(java.nio.charset.StandardCharsets.UTF_8);
      assertThat(text.lines()).hasSize(7);
      assertThat(text).contains("\"seq\":6,\"type\":\"turn.ended\"");
    }
  }
}
