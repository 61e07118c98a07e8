package dev.perdure.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.db.Database;
import dev.perdure.log.FaultyDatabase.Mode;
import dev.perdure.log.Follower.Batch;
import dev.perdure.log.Follower.Status;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import dev.perdure.protocol.TurnEventCodec.Line;
import java.io.ByteArrayOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One turn on two nodes, moved by numbers: its holder writes, flushes, dies, is overtaken and wakes
 * up late, commits get lost, readers come, read, leave and come again. Beside it a model of what
 * must be in the log: of each epoch its start and then the beginning of what was appended, at least
 * as much as was said to be durable. For one thread.
 */
final class LogMachine implements AutoCloseable {
  private static final LogLimits SMALL = new LogLimits(300, 4_000, 400);
  private static final int MAX_ZOMBIES = 4;

  private final Database database;
  private final String turn;
  private final List<Node> nodes = new ArrayList<>();
  private final List<Epoch> epochs = new ArrayList<>();
  private final List<Reader> readers = new ArrayList<>();
  private Holder holder;
  private int texts;

  /** A node, which may be replaced by another with a new id. */
  private static final class Node {
    final String id;
    final FaultyDatabase faulty;
    final TurnLog log;

    Node(Database database, String id) {
      this.id = id;
      this.faulty = new FaultyDatabase(database);
      this.log = new TurnLog(faulty, id, SMALL);
    }
  }

  private record Holder(Node node, long epoch, TurnWriter writer) {}

  /** What the holder of an epoch has appended, and how much of it is known to be durable. */
  private static final class Epoch {
    final List<TurnEvent> appended = new ArrayList<>();
    final List<Holder> late = new ArrayList<>();
    int durable;
  }

  /** Somebody who reads the turn over any number of connections, beginning behind an event. */
  private static final class Reader {
    final long from;
    final ByteArrayOutputStream seen = new ByteArrayOutputStream();
    long position;
    @Nullable Follower follower;

    Reader(long from) {
      this.from = from;
      this.position = from;
    }
  }

  LogMachine(Database database) {
    this.database = database;
    nodes.add(new Node(database, "m0"));
    nodes.add(new Node(database, "m1"));
    turn = TurnRows.queued(database, nodes.getFirst().log);
    holder = claim(nodes.getFirst());
  }

  private Holder claim(Node node) {
    long epoch = TurnRows.claim(node.log, turn, node.id);
    epochs.add(new Epoch());
    TurnWriter writer = node.log.openWriter(turn, epoch, () -> {});
    Holder claimed = new Holder(node, epoch, writer);
    int attempt = writer.lane(0).attempt() + 1;
    append(claimed, new AttemptStarted(0, 0, attempt, "demo/a", attempt == 1 ? null : "takeover"));
    append(claimed, new PartStarted(0, attempt, 0, PartKind.TEXT));
    return claimed;
  }

  private void append(Holder by, TurnEvent event) {
    by.writer.append(event);
    epochs.getLast().appended.add(event);
  }

  private TurnEvent delta(Holder by, int size) {
    int attempt = by.writer.lane(0).attempt();
    return new PartDelta(0, attempt, 0, "#" + texts++ + " " + "é".repeat(size));
  }

  /** Makes the move that the number stands for. */
  void move(int number) throws InterruptedException {
    int choice = number / 20;
    switch (number % 20) {
      case 0, 1, 2, 3 -> write(1 + choice % 5, choice % 60);
      case 4, 5 -> {
        write(1 + choice % 3, choice % 40);
        flush();
      }
      case 6, 7 -> takeOver(choice);
      case 8 -> wakeUpLate(choice);
      case 9 -> {
        holder.writer.close();
        holder = claim(nodes.get(choice % 2));
      }
      // These wait for the log's pauses, so they are fewer.
      case 10 -> sometimes(choice, () -> loseAnAnswer(choice));
      case 11 -> sometimes(choice, () -> awayWhileReading(choice));
      case 12 -> crash();
      case 13 -> readers.add(new Reader(choice % 3 == 0 ? -1 : choice % (lastSeq() + 2) - 1));
      case 14 -> leave(choice);
      // A hint that is lost costs time and nothing else.
      case 15 -> holder.node.faulty.mute(choice % 2 == 0);
      default -> read(choice, Duration.ofMillis(choice % 3));
    }
  }

  private interface Fault {
    void happen() throws InterruptedException;
  }

  private void sometimes(int choice, Fault fault) throws InterruptedException {
    if (choice % 3 == 0) {
      fault.happen();
    } else {
      write(1, choice % 30);
    }
  }

  private void write(int count, int size) {
    for (int i = 0; i < count; i++) {
      append(holder, delta(holder, size));
    }
  }

  private void flush() {
    holder.writer.awaitDurable();
    epochs.getLast().durable = epochs.getLast().appended.size();
  }

  /** The holder is believed to be dead, but is not. */
  private void takeOver(int choice) {
    epochs.getLast().late.add(holder);
    holder = claim(nodes.get(choice % 2));
    if (epochs.size() > MAX_ZOMBIES) {
      epochs.get(epochs.size() - 1 - MAX_ZOMBIES).late.forEach(late -> late.writer.close());
      epochs.get(epochs.size() - 1 - MAX_ZOMBIES).late.clear();
    }
  }

  /** Whoever has lost the turn is told so as soon as it writes, and nothing of it is stored. */
  private void wakeUpLate(int choice) {
    List<Holder> late = epochs.stream().flatMap(epoch -> epoch.late.stream()).toList();
    if (!late.isEmpty()) {
      Holder zombie = late.get(choice % late.size());
      assertThatThrownBy(
              () -> {
                zombie.writer.append(new PartDelta(0, 1, 0, "late"));
                zombie.writer.awaitDurable();
              })
          .isInstanceOf(FencedException.class);
    }
  }

  /** The holder's commit goes through, but the answer of the database does not reach it. */
  private void loseAnAnswer(int choice) throws InterruptedException {
    int before = holder.node.faulty.failures();
    holder.node.faulty.mode(Mode.ANSWER_LOST);
    write(1, choice % 10);
    Logs.until("the lost answer", () -> holder.node.faulty.failures() > before);
    holder.node.faulty.mode(Mode.WELL);
  }

  /** Nothing can be stored for a while, so nobody may see anything new. */
  private void awayWhileReading(int choice) throws InterruptedException {
    flush();
    Node node = holder.node;
    int before = node.faulty.failures();
    node.faulty.mode(Mode.AWAY);
    write(2, choice % 10);
    Logs.until("a refused commit", () -> node.faulty.failures() > before);
    byte[] stored = Logs.stored(database, turn);
    for (Reader reader : readers) {
      step(reader, Duration.ZERO);
      assertPrefix(reader, stored);
    }
    node.faulty.mode(Mode.WELL);
  }

  /** A node is gone for good, with what it had not stored, and another takes its place. */
  private void crash() {
    Node dead = holder.node;
    dead.faulty.mode(Mode.AWAY);
    readers.forEach(LogMachine::disconnect);
    dead.log.close();
    nodes.set(nodes.indexOf(dead), new Node(database, dead.id + "x"));
    epochs.forEach(epoch -> epoch.late.removeIf(late -> late.node == dead));
    holder = claim(nodes.get(nodes.get(0).id.length() % 2));
  }

  private long lastSeq() {
    return database.<Long>read(tx ->
        tx.one("SELECT MAX(last_seq) FROM log_block WHERE turn_id = ?", row -> row.getLong(1), turn)
            .orElseThrow());
  }

  private Follower connected(Reader reader, int node) {
    Follower follower = reader.follower;
    if (follower == null) {
      follower = nodes.get(node % 2).log.follow(turn, reader.position);
      reader.follower = follower;
    }
    return follower;
  }

  private static void disconnect(Reader reader) {
    if (reader.follower != null) {
      reader.follower.close();
      reader.follower = null;
    }
  }

  private void leave(int choice) {
    if (!readers.isEmpty()) {
      disconnect(readers.get(choice % readers.size()));
    }
  }

  private void read(int choice, Duration wait) throws InterruptedException {
    if (!readers.isEmpty()) {
      Reader reader = readers.get(choice % readers.size());
      Follower follower = connected(reader, choice / 7);
      if (choice % 5 == 0) {
        follower.wake();
      }
      step(reader, wait);
      assertPrefix(reader, Logs.stored(database, turn));
    }
  }

  /** One step of a reader; false once it knows that the turn has ended. */
  private boolean step(Reader reader, Duration wait) throws InterruptedException {
    Follower follower = reader.follower;
    if (follower == null) {
      return true;
    }
    Batch batch = follower.next(wait);
    if (batch.status() == Status.DATA) {
      Logs.write(batch, reader.position, reader.seen);
      reader.position = follower.position();
    }
    return batch.status() != Status.ENDED;
  }

  private static void assertPrefix(Reader reader, byte[] stored) {
    byte[] seen = reader.seen.toByteArray();
    byte[] rest = after(stored, reader.from);
    assertThat(seen.length).as("no more than is stored").isLessThanOrEqualTo(rest.length);
    assertThat(Arrays.equals(seen, 0, seen.length, rest, 0, seen.length)).isTrue();
  }

  private static byte[] after(byte[] stored, long seq) {
    int at = 0;
    for (long line = 0; line <= seq && at < stored.length; line++) {
      while (stored[at] != '\n') {
        at++;
      }
      at++;
    }
    return Arrays.copyOfRange(stored, at, stored.length);
  }

  /** Ends the turn, lets every reader come to the end, and compares the log with the model. */
  void finish() throws InterruptedException {
    nodes.forEach(node -> node.faulty.mute(false));
    flush();
    Logs.complete(holder.writer, turn, holder.epoch, holder.node.id);
    byte[] stored = Logs.stored(database, turn);
    readers.add(new Reader(-1));
    for (Reader reader : readers) {
      Follower connected = connected(reader, readers.size());
      assertThat(connected.position()).isEqualTo(reader.position);
      long deadline = System.nanoTime() + Logs.GENEROUS.toNanos();
      while (step(reader, Logs.GENEROUS)) {
        assertThat(System.nanoTime()).as("the end comes").isLessThan(deadline);
      }
      assertThat(reader.seen.toByteArray()).isEqualTo(after(stored, reader.from));
    }
    checkLines(Logs.lines(stored));
    checkDigest(stored);
  }

  private void checkLines(List<Line> lines) {
    int at = 1; // behind turn.accepted
    for (int number = 0; number < epochs.size(); number++) {
      Epoch epoch = epochs.get(number);
      assertThat(lines.get(at++).event())
          .isInstanceOfSatisfying(
              TurnStarted.class, started -> assertThat(started.epoch()).isPositive());
      int stored = 0;
      while (stored < epoch.appended.size()
          && lines.get(at).event().equals(epoch.appended.get(stored))) {
        stored++;
        at++;
      }
      assertThat(stored)
          .as("events of epoch %d, of %d", number + 1, epoch.appended.size())
          .isGreaterThanOrEqualTo(epoch.durable);
    }
    assertThat(lines.get(at).event()).isInstanceOf(TurnEnded.class);
    assertThat(lines).as("nothing of anybody else").hasSize(at + 1);
  }

  private static void checkDigest(byte[] stored) {
    int last = stored.length - 1;
    while (stored[last - 1] != '\n') {
      last--;
    }
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      sha.update(stored, 0, last);
      TurnEnded end = (TurnEnded) Logs.lines(stored).getLast().event();
      assertThat(end.digest()).isEqualTo(HexFormat.of().formatHex(sha.digest()));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  /** Nothing is left in memory once everybody has gone. */
  @Override
  public void close() {
    readers.forEach(LogMachine::disconnect);
    epochs.forEach(epoch -> epoch.late.forEach(late -> late.writer.close()));
    for (Node node : nodes) {
      node.faulty.mode(Mode.WELL);
      node.log.close();
    }
  }

  int turnsInMemory() {
    readers.forEach(LogMachine::disconnect);
    epochs.forEach(epoch -> epoch.late.forEach(late -> late.writer.close()));
    return nodes.stream().mapToInt(node -> node.log.turnsInMemory()).sum();
  }
}
