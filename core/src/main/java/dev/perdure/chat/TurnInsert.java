package dev.perdure.chat;

import dev.perdure.chat.Message.Role;
import dev.perdure.chat.Message.Status;
import dev.perdure.chat.Origin.Spot;
import dev.perdure.db.Tx;
import dev.perdure.log.LogBlock;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.LaneRef;
import dev.perdure.protocol.TurnEvent.TurnAccepted;
import dev.perdure.protocol.TurnEvent.TurnScheduled;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import dev.perdure.protocol.TurnState;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Writes a new turn: its row, lanes, messages and first events, in a transaction that holds the
 * session's row locked.
 */
final class TurnInsert {
  private final TurnLog log;
  private final Ids ids;
  private final DeskLimits limits;

  TurnInsert(TurnLog log, Ids ids, DeskLimits limits) {
    this.log = log;
    this.ids = ids;
    this.limits = limits;
  }

  /** Refuses a caller who has too many open turns. */
  void checkRoom(Tx tx, Caller caller) throws SQLException {
    long open = Conversations.openTurnCount(tx, caller);
    if (open >= limits.openTurnsPerOwner()) {
      throw new PerdureException(
          ErrorCode.TOO_MANY_TURNS,
          "You have "
              + open
              + " open turns; the limit is "
              + limits.openTurnsPerOwner()
              + ". Wait for some to end, or cancel them.");
    }
  }

  /**
   * A turn for a new user message.
   *
   * @param nodeId the node that has leased the turn already; null to queue it
   * @param blocks takes what is to be published after the commit
   */
  void insert(
      Tx tx,
      Caller caller,
      String session,
      String turn,
      NewTurn message,
      @Nullable String nodeId,
      List<LogBlock> blocks)
      throws SQLException {
    Origin origin = message.origin();
    String userMessage =
        switch (origin.spot()) {
          case Spot.Newest() ->
              insertUserMessage(tx, caller, session, turn, newest(tx, session), message);
          case Spot.Under(@Nullable String parent) -> {
            if (parent != null) {
              requireMessage(tx, session, parent, null);
            }
            yield insertUserMessage(tx, caller, session, turn, parent, message);
          }
          case Spot.Again(String answered) -> {
            requireMessage(tx, session, answered, Role.USER);
            yield answered;
          }
        };
    blocks.add(
        insertTurn(tx, caller, new NewRow(turn, session, userMessage, message.request(), nodeId)));
    if (origin.note() != null) {
      tx.update("INSERT INTO turn_note (turn_id, note) VALUES (?, ?)", turn, origin.note());
    }
  }

  /**
   * Where the next message goes: behind the first lane's reply of the newest turn, or behind the
   * message that answered a question of that turn; null in a session without turns.
   */
  static @Nullable String newest(Tx tx, String session) throws SQLException {
    return tx.one(
            """
            SELECT COALESCE(
                     (SELECT m.id FROM message m
                       WHERE m.turn_id = t.id AND m.role = 'user' AND m.id <> t.user_message
                       ORDER BY m.position DESC LIMIT 1),
                     (SELECT l.message_id FROM lane l
                       WHERE l.turn_id = t.id ORDER BY l.lane LIMIT 1))
              FROM turn t
             WHERE t.session_id = ? AND t.position >= 0 ORDER BY t.position DESC LIMIT 1\
            """,
            row -> row.getString(1),
            session)
        .orElse(null);
  }

  private static void requireMessage(Tx tx, String session, String id, @Nullable Role role)
      throws SQLException {
    boolean there =
        tx.one(
                "SELECT role FROM message WHERE id = ? AND session_id = ?",
                row -> role == null || row.getString(1).equals(role.wire()),
                id,
                session)
            .orElse(false);
    if (!there) {
      throw PerdureException.notFound("message", id);
    }
  }

  private String insertUserMessage(
      Tx tx, Caller caller, String session, String turn, @Nullable String parent, NewTurn message)
      throws SQLException {
    @Nullable String behind = parent;
    for (Origin.Earlier earlier : message.origin().earlier()) {
      behind = insertEarlier(tx, caller, ids.message(), session, behind, earlier);
    }
    String id = ids.message();
    insertMessage(
        tx,
        new NewMessage(id, session, turn, behind, Role.USER, Status.COMPLETE, null),
        Rows.json(message.parts()));
    if (!message.files().isEmpty()) {
      attach(tx, caller, id, message.files());
    }
    @Nullable String name = message.origin().name();
    if (name != null) {
      name(tx, session, name, id);
    }
    return id;
  }

  static void attach(Tx tx, Caller caller, String message, List<NewTurn.FileAt> files)
      throws SQLException {
    List<Message.Attachment> attached = attachments(tx, caller, files);
    hold(tx, Holder.MESSAGE, message, files);
    tx.update("UPDATE message SET files = ? WHERE id = ?", Rows.json(attached), message);
  }

  /** Where it stands that a file is not to be forgotten. */
  enum Holder {
    MESSAGE("INSERT INTO message_file (message_id, file_id) VALUES (?, ?)"),
    LATER("INSERT INTO later_file (turn_id, file_id) VALUES (?, ?)"),
    SCHEDULE("INSERT INTO schedule_file (schedule_id, file_id) VALUES (?, ?)");

    private final String insert;

    Holder(String insert) {
      this.insert = insert + " ON CONFLICT DO NOTHING";
    }
  }

  /** Keeps files that are locked by {@link #attachments}. */
  static void hold(Tx tx, Holder holder, String id, List<NewTurn.FileAt> files)
      throws SQLException {
    for (NewTurn.FileAt each : files) {
      tx.update(holder.insert, id, each.file());
    }
  }

  /**
   * Locks files of the caller's and says what is known of them.
   *
   * @throws PerdureException NOT_FOUND
   */
  static List<Message.Attachment> attachments(Tx tx, Caller caller, List<NewTurn.FileAt> files)
      throws SQLException {
    List<Message.Attachment> attached = new ArrayList<>();
    for (NewTurn.FileAt each : files) {
      // Locked, so that it is not swept away at this moment for being unused.
      attached.add(
          tx.one(
                  """
                  SELECT name, media_type, size FROM file
                   WHERE id = ? AND tenant = ? AND owner = ? AND state = 'ready' {lock}\
                  """,
                  row ->
                      new Message.Attachment(
                          each.file(),
                          row.getString(1),
                          row.getString(2),
                          row.getLong(3),
                          each.after()),
                  each.file(),
                  caller.tenant(),
                  caller.owner())
              .orElseThrow(() -> PerdureException.notFound("file", each.file())));
    }
    return attached;
  }

  static void name(Tx tx, String session, String name, String message) throws SQLException {
    tx.update(
        "INSERT INTO message_name (session_id, name, message_id) VALUES (?, ?, ?)",
        session,
        name,
        message);
  }

  /**
   * A turn that joins its conversation at a time to come: its row, lanes and first events, but no
   * messages. Its position is negative, so that it is before all that is there for nobody.
   */
  void insertLater(
      Tx tx,
      Caller caller,
      String session,
      String turn,
      NewTurn message,
      long notBefore,
      List<LogBlock> blocks)
      throws SQLException {
    String userMessage = ids.message();
    tx.update(
        """
        INSERT INTO turn (id, session_id, tenant, owner, user_message, state, position, epoch,
                          request, created_at, wake_at)
        SELECT ?, ?, ?, ?, ?, 'scheduled',
               CASE WHEN MIN(position) < 0 THEN MIN(position) - 1 ELSE -1 END, 0, ?, {now},
               CAST(? AS BIGINT)
          FROM turn WHERE session_id = ?\
        """,
        turn,
        session,
        caller.tenant(),
        caller.owner(),
        userMessage,
        Rows.json(message.request()),
        notBefore,
        session);
    List<LaneRef> lanes = new ArrayList<>();
    for (String model : message.request().models()) {
      LaneRef lane = new LaneRef(lanes.size(), ids.message(), model);
      lanes.add(lane);
      insertLane(tx, turn, lane);
    }
    List<Message.Attachment> files = attachments(tx, caller, message.files());
    tx.update(
        "INSERT INTO later_turn (turn_id, parts, files) VALUES (?, ?, ?)",
        turn,
        Rows.json(message.parts()),
        files.isEmpty() ? null : Rows.json(files));
    hold(tx, Holder.LATER, turn, message.files());
    long now = tx.now();
    blocks.add(
        log.insert(
            tx,
            turn,
            0,
            List.of(
                new TurnAccepted(turn, session, userMessage, lanes, now),
                new TurnScheduled(notBefore, now))));
  }

  private static void insertLane(Tx tx, String turn, LaneRef lane) throws SQLException {
    tx.update(
        "INSERT INTO lane (turn_id, lane, message_id, model, state) VALUES (?, ?, ?, ?, ?)",
        turn,
        lane.lane(),
        lane.message(),
        lane.model(),
        LaneState.PENDING.wire());
  }

  /** Inserts a message that belongs to no turn, and returns its id. */
  static String insertEarlier(
      Tx tx,
      Caller caller,
      String id,
      String session,
      @Nullable String parent,
      Origin.Earlier message)
      throws SQLException {
    insertMessage(
        tx,
        new NewMessage(id, session, "", parent, message.role(), Status.COMPLETE, null),
        Rows.json(message.parts()));
    if (!message.files().isEmpty()) {
      attach(tx, caller, id, message.files());
    }
    return id;
  }

  /** A turn that answers the user message of an earlier one once more, with one model. */
  void insertRetry(
      Tx tx,
      Caller caller,
      Turn old,
      String turn,
      String model,
      @Nullable String nodeId,
      List<LogBlock> blocks)
      throws SQLException {
    TurnRequest request = old.request().withModels(List.of(model));
    blocks.add(
        insertTurn(
            tx, caller, new NewRow(turn, old.session(), old.userMessage(), request, nodeId)));
  }

  private record NewRow(
      String id,
      String session,
      String userMessage,
      TurnRequest request,
      @Nullable String nodeId) {}

  private LogBlock insertTurn(Tx tx, Caller caller, NewRow row) throws SQLException {
    TurnState state = row.nodeId == null ? TurnState.QUEUED : TurnState.RUNNING;
    tx.update(
        """
        INSERT INTO turn (id, session_id, tenant, owner, user_message, state, position, epoch,
                          node_id, request, created_at, started_at)
        SELECT ?, ?, ?, ?, ?, ?, COALESCE(MAX(position) + 1, 0), ?, ?, ?, {now},
               CASE WHEN ? = 1 THEN {now} END
          FROM turn WHERE session_id = ?\
        """,
        row.id,
        row.session,
        caller.tenant(),
        caller.owner(),
        row.userMessage,
        state.wire(),
        row.nodeId == null ? 0 : 1,
        row.nodeId,
        Rows.json(row.request),
        row.nodeId == null ? 0 : 1,
        row.session);
    List<LaneRef> lanes = new ArrayList<>();
    for (String model : row.request.models()) {
      LaneRef lane = new LaneRef(lanes.size(), ids.message(), model);
      lanes.add(lane);
      insertMessage(
          tx,
          new NewMessage(
              lane.message(),
              row.session,
              row.id,
              row.userMessage,
              Role.ASSISTANT,
              Status.PENDING,
              model),
          "[]");
      if (row.request.output() != null) {
        tx.update("UPDATE message SET output = 'null' WHERE id = ?", lane.message());
      }
      insertLane(tx, row.id, lane);
    }
    tx.update("UPDATE session SET updated_at = {now} WHERE id = ?", row.session);
    long now = tx.now();
    List<TurnEvent> events = new ArrayList<>();
    events.add(new TurnAccepted(row.id, row.session, row.userMessage, lanes, now));
    if (row.nodeId != null) {
      events.add(new TurnStarted(1, now));
    }
    return log.insert(tx, row.id, 0, events);
  }

  record NewMessage(
      String id,
      String session,
      String turn,
      @Nullable String parent,
      Role role,
      Status status,
      @Nullable String model) {}

  static void insertMessage(Tx tx, NewMessage message, String parts) throws SQLException {
    tx.update(
        """
        INSERT INTO message (id, session_id, turn_id, parent_id, role, position, status, model,
                             parts, created_at, updated_at)
        SELECT ?, ?, ?, ?, ?, COALESCE(MAX(position) + 1, 0), ?, ?, ?, {now}, {now}
          FROM message WHERE session_id = ?\
        """,
        message.id,
        message.session,
        message.turn,
        message.parent,
        message.role.wire(),
        message.status.wire(),
        message.model,
        parts,
        message.session);
  }
}
