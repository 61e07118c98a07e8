package dev.perdure.chat;

import dev.perdure.db.Tx;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * One batch of turns that join their conversations, with few statements for all of them: what one
 * costs decides how many can begin at the same instant. Used by one thread.
 */
final class Joining {
  private static final String USER_MESSAGES =
      """
      INSERT INTO message (id, session_id, turn_id, parent_id, role, position, status, parts,
                           files, created_at, updated_at)
      SELECT t.user_message, t.session_id, t.id, j.value ->> 1, 'user',
             CAST(j.value ->> 2 AS BIGINT), 'complete', p.parts, p.files, {now}, {now}
        FROM {rows} JOIN turn t ON t.id = j.value ->> 0 JOIN later_turn p ON p.turn_id = t.id\
      """;

  private static final String REPLIES =
      """
      INSERT INTO message (id, session_id, turn_id, parent_id, role, position, status, model,
                           parts, output, created_at, updated_at)
      SELECT l.message_id, t.session_id, t.id, t.user_message, 'assistant',
             CAST(j.value ->> 2 AS BIGINT) + 1 + l.lane, 'pending', l.model, '[]',
             CASE WHEN CAST(j.value ->> 4 AS BIGINT) = 1 THEN 'null' END, {now}, {now}
        FROM {rows} JOIN turn t ON t.id = j.value ->> 0 JOIN lane l ON l.turn_id = t.id\
      """;

  private static final String FILES =
      """
      INSERT INTO message_file (message_id, file_id)
      SELECT t.user_message, f.file_id
        FROM {rows} JOIN turn t ON t.id = j.value ->> 0 JOIN later_file f ON f.turn_id = t.id\
      """;

  /** wake_at stays until a node claims the turn: it says since when it is in the queue. */
  private static final String QUEUE =
      """
      UPDATE turn SET state = 'queued', position = CAST(j.value ->> 3 AS BIGINT)
        FROM {rows} WHERE turn.id = j.value ->> 0\
      """;

  private static final String START =
      """
      UPDATE turn SET state = 'running', position = CAST(j.value ->> 3 AS BIGINT), node_id = ?,
             epoch = epoch + 1, closing = 0, wake_at = NULL,
             started_at = COALESCE(started_at, {now})
        FROM {rows} WHERE turn.id = j.value ->> 0 RETURNING id, epoch\
      """;

  private final Tx tx;
  private final List<Due> due;
  private final Map<String, End> ends = new HashMap<>();

  /** Whose conversations have an open turn, so that what joins them now is not the next. */
  private final Set<String> busy = new HashSet<>();

  /**
   * A turn that is due.
   *
   * @param lanes how many replies it will have
   * @param reply the message of the first one
   * @param hasOutput whether the replies have a form
   */
  record Due(
      String turn,
      String session,
      long lanes,
      @Nullable String reply,
      boolean hasFiles,
      boolean hasOutput) {}

  /** Where a conversation ends. */
  private record End(long turns, long messages, @Nullable String newest) {}

  Joining(Tx tx, List<Due> due) {
    this.tx = tx;
    this.due = due;
  }

  /**
   * Writes the messages and queues the turns.
   *
   * @param node starts at once what is next in its conversation; null for none
   * @return the epochs of those that it has started
   */
  Map<String, Long> write(@Nullable String node) throws SQLException {
    Object sessions = Tx.rowsOf(due.stream().map(Due::session).distinct().toList());
    readEnds(sessions);
    if (node != null) {
      readBusy(sessions);
    }
    List<@Nullable Object[]> queued = new ArrayList<>();
    List<@Nullable Object[]> started = new ArrayList<>();
    List<@Nullable Object[]> all = new ArrayList<>();
    for (Due one : due) {
      End end = ends.getOrDefault(one.session, new End(0, 0, null));
      ends.put(one.session, new End(end.turns + 1, end.messages + 1 + one.lanes, one.reply));
      @Nullable Object[] row = {
        one.turn, end.newest, end.messages, end.turns, one.hasOutput ? 1L : 0L
      };
      all.add(row);
      (node != null && busy.add(one.session) ? started : queued).add(row);
    }
    String rows = Tx.rows(all);
    tx.update(USER_MESSAGES, rows);
    tx.update(REPLIES, rows);
    if (due.stream().anyMatch(Due::hasFiles)) {
      tx.update(FILES, rows);
    }
    if (!queued.isEmpty()) {
      tx.update(QUEUE, Tx.rows(queued));
    }
    Map<String, Long> epochs = new TreeMap<>();
    if (!started.isEmpty()) {
      tx.list(START, row -> epochs.put(row.getString(1), row.getLong(2)), node, Tx.rows(started));
    }
    tx.update(
        "UPDATE session SET updated_at = {now} WHERE id IN (SELECT j.value ->> 0 FROM {rows})",
        sessions);
    tx.update("DELETE FROM later_turn WHERE turn_id IN (SELECT j.value ->> 0 FROM {rows})", rows);
    return epochs;
  }

  /** A conversation without a turn may have messages: those that were added to it. */
  private void readEnds(Object sessions) throws SQLException {
    tx.list(
        """
        SELECT s.id, COALESCE(t.position + 1, 0),
               COALESCE((SELECT MAX(m.position) + 1 FROM message m WHERE m.session_id = s.id), 0),
               COALESCE(
                 (SELECT m.id FROM message m
                   WHERE m.turn_id = t.id AND m.role = 'user' AND m.id <> t.user_message
                   ORDER BY m.position DESC LIMIT 1),
                 (SELECT l.message_id FROM lane l
                   WHERE l.turn_id = t.id ORDER BY l.lane LIMIT 1))
          FROM session s
          LEFT JOIN turn t
                 ON t.session_id = s.id AND t.position >= 0
                AND t.position = (SELECT MAX(n.position) FROM turn n WHERE n.session_id = s.id)
         WHERE s.id IN (SELECT j.value ->> 0 FROM {rows})\
        """,
        row ->
            ends.put(row.getString(1), new End(row.getLong(2), row.getLong(3), row.getString(4))),
        sessions);
  }

  private void readBusy(Object sessions) throws SQLException {
    tx.list(
        """
        SELECT t.session_id FROM turn t
         WHERE t.session_id IN (SELECT j.value ->> 0 FROM {rows})
           AND t.state IN ('queued', 'running', 'waiting')\
        """,
        row -> busy.add(row.getString(1)),
        sessions);
  }
}
