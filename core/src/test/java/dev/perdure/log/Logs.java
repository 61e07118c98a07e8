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
import dev.perdure.protocol.TurnEventCodec;
import dev.perdure.protocol.TurnState;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/** Reading and writing whole logs in tests. */
final class Logs {
  static final Duration GENEROUS = Duration.ofSeconds(60);

  private Logs() {}

  static TurnEvent delta(String text) {
    return new PartDelta(0, 1, 0, text);
  }

  /** A claimed turn with its open writer, ready for deltas of lane 0, attempt 1, part 0. */
  static TurnWriter begin(TurnLog log, String turn, long epoch, Runnable lost) {
    TurnWriter writer = log.openWriter(turn, epoch, lost);
    writer.append(new AttemptStarted(0, 0, 1, "demo/a", null));
    writer.append(new PartStarted(0, 1, 0, PartKind.TEXT));
    return writer;
  }

  static void complete(TurnWriter writer, String turn, long epoch, String node) {
    writer.end(List.of(), TurnState.COMPLETED, null, TurnRows.ending(turn, epoch, node));
    writer.close();
  }

  /** What the table holds, byte for byte; checks that the blocks fit together. */
  static byte[] stored(Database database, String turn) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    long[] next = new long[1];
    database.read(tx -> {
      tx.scan(
          """
          SELECT first_seq, last_seq, payload FROM log_block
           WHERE turn_id = ? ORDER BY first_seq\
          """,
          row -> {
            assertThat(row.getLong(1)).isEqualTo(next[0]);
            next[0] = row.getLong(2) + 1;
            out.writeBytes(row.getBytes(3));
            return true;
          },
          turn);
      return true;
    });
    return out.toByteArray();
  }

  /** The lines of a log, each checked to have the sequence number of its place. */
  static List<TurnEventCodec.Line> lines(byte[] bytes) {
    List<TurnEventCodec.Line> lines = new ArrayList<>();
    for (String line : new String(bytes, StandardCharsets.UTF_8).lines().toList()) {
      byte[] one = line.getBytes(StandardCharsets.UTF_8);
      lines.add(TurnEventCodec.decode(one, 0, one.length));
      assertThat(lines.getLast().seq()).isEqualTo(lines.size() - 1);
    }
    return lines;
  }

  /** The bytes after event {@code after} of what follows have been handed out, up to the end. */
  static byte[] followToEnd(Follower follower) throws InterruptedException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    while (true) {
      long before = follower.position();
      Batch batch = follower.next(GENEROUS);
      switch (batch.status()) {
        case DATA -> write(batch, before, out);
        case ENDED -> {
          return out.toByteArray();
        }
        case IDLE, CLOSED, EXPIRED -> throw new AssertionError("Unexpected " + batch.status());
      }
    }
  }

  /** Writes what lies behind the position; checks that blocks follow each other. */
  static void write(Batch batch, long after, ByteArrayOutputStream out) {
    assertThat(batch.status()).isEqualTo(Status.DATA);
    long next = after + 1;
    for (LogBlock block : batch.blocks()) {
      assertThat(block.firstSeq()).isLessThanOrEqualTo(next);
      LogLines.after(
          block, next - 1, (seq, payload, from, to) -> out.write(payload, from, to - from + 1));
      next = block.lastSeq() + 1;
    }
  }

  /** Waits for a condition, which tests poll because nothing announces it. */
  static void until(String what, BooleanSupplier condition) throws InterruptedException {
    long deadline = System.nanoTime() + GENEROUS.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("Waited too long for: " + what);
      }
      Thread.sleep(2);
    }
  }
}
