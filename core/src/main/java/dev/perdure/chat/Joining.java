package dev.perdure.chat;

import dev.perdure.chat.Message.Role;
import dev.perdure.chat.Message.Status;
import dev.perdure.db.Tx;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One batch of turns that join their conversations, with few statements for all of them. Used by
 * one thread.
 */
final class Joining {
  private final Tx tx;
  private final List<Due> due;
  private final Map<String, End> ends = new HashMap<>();
  private final Map<String, List<LaneRow>> lanes = new HashMap<>();
  private final List<@Nullable Object[]> messages = new ArrayList<>();
  private final List<@Nullable Object[]> formed = new ArrayList<>();
  private final List<@Nullable Object[]> files = new ArrayList<>();
  private final List<@Nullable Object[]> held = new ArrayList<>();

  /**
   * @param files of the message, as JSON; null for none
   * @param hasOutput whether the replies have a form
   */
  record Due(
      String turn,
      String session,
      String userMessage,
      String parts,
      @Nullable String files,
      boolean hasOutput) {}

  /** Where a conversation ends. */
  private record End(long turns, long messages, @Nullable String newest) {}

  private record LaneRow(String message, String model) {}

  Joining(Tx tx, List<Due> due) {
    this.tx = tx;
    this.due = due;
  }

  void write() throws SQLException {
    readEnds();
    readLanes();
    List<@Nullable Object[]> turns = new ArrayList<>();
    List<@Nullable Object[]> sessions = new ArrayList<>();
    List<@Nullable Object[]> stored = new ArrayList<>();
    for (Due one : due) {
      End end = ends.getOrDefault(one.session, new End(0, 0, null));
      ends.put(one.session, join(one, end));
      turns.add(new Object[] {end.turns, one.turn});
      sessions.add(new Object[] {one.session});
      stored.add(new Object[] {one.turn});
    }
    tx.batch(
        """
        INSERT INTO message (id, session_id, turn_id, parent_id, role, position, status, model,
                             parts, created_at, updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, {now}, {now})\
        """,
        messages);
    tx.batch("UPDATE message SET output = 'null' WHERE id = ?", formed);
    tx.batch("UPDATE message SET files = ? WHERE id = ?", files);
    tx.batch(
        """
        INSERT INTO message_file (message_id, file_id)
        SELECT ?, file_id FROM later_file WHERE turn_id = ?\
        """,
        held);
    // wake_at stays until a node claims the turn: it says since when it is in the queue.
    tx.batch("UPDATE turn SET state = 'queued', position = ? WHERE id = ?", turns);
    tx.batch("UPDATE session SET updated_at = {now} WHERE id = ?", sessions);
    tx.batch("DELETE FROM later_turn WHERE turn_id = ?", stored);
  }

  private End join(Due one, End end) {
    long position = end.messages;
    messages.add(row(one, one.userMessage, end.newest, Role.USER, position++, null));
    if (one.files != null) {
      files.add(new Object[] {one.files, one.userMessage});
      held.add(new Object[] {one.userMessage, one.turn});
    }
    @Nullable String newest = null;
    for (LaneRow lane : lanes.getOrDefault(one.turn, List.of())) {
      newest = newest == null ? lane.message : newest;
      if (one.hasOutput) {
        formed.add(new Object[] {lane.message});
      }
      messages.add(row(one, lane.message, one.userMessage, Role.ASSISTANT, position++, lane.model));
    }
    return new End(end.turns + 1, position, newest);
  }

  private static @Nullable Object[] row(
      Due one,
      String id,
      @Nullable String parent,
      Role role,
      long position,
      @Nullable String model) {
    boolean user = role == Role.USER;
    return new Object[] {
      id,
      one.session,
      one.turn,
      parent,
      role.wire(),
      position,
      (user ? Status.COMPLETE : Status.PENDING).wire(),
      model,
      user ? one.parts : "[]"
    };
  }

  private void readEnds() throws SQLException {
    Object[] sessions = due.stream().map(Due::session).distinct().toArray();
    String marks = Tx.placeholders(sessions.length);
    tx.list(
        """
        SELECT t.session_id, t.position + 1,
               (SELECT MAX(m.position) + 1 FROM message m WHERE m.session_id = t.session_id),
               COALESCE(
                 (SELECT m.id FROM message m
                   WHERE m.turn_id = t.id AND m.role = 'user' AND m.id <> t.user_message
                   ORDER BY m.position DESC LIMIT 1),
                 (SELECT l.message_id FROM lane l
                   WHERE l.turn_id = t.id ORDER BY l.lane LIMIT 1))
          FROM turn t
         WHERE t.session_id IN (%s) AND t.position >= 0
           AND t.position = (SELECT MAX(n.position) FROM turn n
                              WHERE n.session_id = t.session_id)\
        """
            .formatted(marks),
        row ->
            ends.put(row.getString(1), new End(row.getLong(2), row.getLong(3), row.getString(4))),
        sessions);
  }

  private void readLanes() throws SQLException {
    Object[] turns = due.stream().map(Due::turn).toArray();
    tx.list(
        "SELECT turn_id, message_id, model FROM lane WHERE turn_id IN ("
            + Tx.placeholders(turns.length)
            + ") ORDER BY turn_id, lane",
        row ->
            lanes
                .computeIfAbsent(row.getString(1), id -> new ArrayList<>())
                .add(new LaneRow(row.getString(2), row.getString(3))),
        turns);
  }
}
