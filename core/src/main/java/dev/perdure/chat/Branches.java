package dev.perdure.chat;

import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PerdureException;
import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Sessions as clients see them that have ids of their own and show one branch at a time: the names
 * that clients give to sessions and messages, and the tree that parents make. Every read is scoped
 * to its caller in the SQL. Thread-safe, without state of its own.
 */
public final class Branches {
  private final Database database;
  private final Ids ids;

  public Branches(Database database, Ids ids) {
    this.database = database;
    this.ids = ids;
  }

  /** The session that the caller gave this name. */
  public Optional<String> session(Caller caller, String name) {
    return database.read(tx -> named(tx, caller, name));
  }

  private static Optional<String> named(Tx tx, Caller caller, String name) throws SQLException {
    return tx.one(
        "SELECT session_id FROM session_name WHERE tenant = ? AND owner = ? AND name = ?",
        row -> row.getString(1),
        caller.tenant(),
        caller.owner(),
        name);
  }

  /** The session of this name, made if there is none; of two at once, one is made. */
  public String openSession(Caller caller, String name) {
    Optional<String> present = session(caller, name);
    return present.orElseGet(() ->
        database.write(tx -> {
          String id = ids.session();
          tx.update(
              """
              INSERT INTO session (id, tenant, owner, title, created_at, updated_at)
              VALUES (?, ?, ?, NULL, {now}, {now})\
              """,
              id,
              caller.tenant(),
              caller.owner());
          int claimed =
              tx.update(
                  """
                  INSERT INTO session_name (tenant, owner, name, session_id) VALUES (?, ?, ?, ?)
                  ON CONFLICT DO NOTHING\
                  """,
                  caller.tenant(),
                  caller.owner(),
                  name,
                  id);
          if (claimed == 1) {
            return id;
          }
          tx.update("DELETE FROM session WHERE id = ?", id);
          return named(tx, caller, name)
              .orElseThrow(() -> PerdureException.notFound("chat", "of that name"));
        }));
  }

  /** The message of a session that has this id, or, the newest one, to which a client gave it. */
  public Optional<Message> message(Caller caller, String session, String idOrName) {
    return database.read(tx ->
        tx.one(
            "SELECT "
                + Rows.MESSAGE_COLUMNS
                + """
                 FROM message WHERE session_id = ?
                  AND (id = ? OR id IN
                       (SELECT message_id FROM message_name WHERE session_id = ? AND name = ?))
                  AND session_id IN
                      (SELECT id FROM session WHERE id = ? AND tenant = ? AND owner = ?)
                ORDER BY position DESC LIMIT 1\
                """,
            Rows::message,
            session,
            idOrName,
            session,
            idOrName,
            session,
            caller.tenant(),
            caller.owner()));
  }

  /** The newest turn of a session; with a user message, the newest that answers it. */
  public Optional<Turn> newestTurn(Caller caller, String session, @Nullable String userMessage) {
    String where = "WHERE session_id = ? AND tenant = ? AND owner = ?";
    String newest = " ORDER BY position DESC LIMIT 1";
    return database
        .read(tx ->
            userMessage == null
                ? Rows.turns(tx, where + newest, session, caller.tenant(), caller.owner())
                : Rows.turns(
                    tx,
                    where + " AND user_message = ?" + newest,
                    session,
                    caller.tenant(),
                    caller.owner(),
                    userMessage))
        .stream()
        .findFirst();
  }

  /** What the door that accepted a turn wanted to have again. */
  public Optional<String> note(Caller caller, String turn) {
    return database.read(tx ->
        tx.one(
            """
            SELECT n.note FROM turn_note n JOIN turn t ON t.id = n.turn_id
             WHERE t.id = ? AND t.tenant = ? AND t.owner = ?\
            """,
            row -> row.getString(1),
            turn,
            caller.tenant(),
            caller.owner()));
  }

  /** The newest message of a session. */
  public Optional<String> newestMessage(Caller caller, String session) {
    return database.read(tx -> newest(tx, caller, session));
  }

  private static Optional<String> newest(Tx tx, Caller caller, String session) throws SQLException {
    return tx.one(
        """
        SELECT id FROM message WHERE session_id IN
               (SELECT id FROM session WHERE id = ? AND tenant = ? AND owner = ?)
         ORDER BY position DESC LIMIT 1\
        """,
        row -> row.getString(1),
        session,
        caller.tenant(),
        caller.owner());
  }

  /**
   * Adds messages that nobody is to answer behind the newest one, and returns their ids.
   *
   * @throws PerdureException NOT_FOUND
   */
  public List<String> append(Caller caller, String session, List<Origin.Earlier> messages) {
    return database.write(tx -> {
      Locks.lockSession(tx, caller, session);
      List<String> added = new ArrayList<>();
      @Nullable String behind = newest(tx, caller, session).orElse(null);
      for (Origin.Earlier message : messages) {
        behind = TurnInsert.insertEarlier(tx, caller, ids.message(), session, behind, message);
        added.add(behind);
      }
      tx.update("UPDATE session SET updated_at = {now} WHERE id = ?", session);
      return List.copyOf(added);
    });
  }

  /** Puts another note in the place of what a door wanted to have again. */
  public void setNote(Caller caller, String turn, String note) {
    int changed =
        database.write(tx ->
            tx.update(
                """
                INSERT INTO turn_note (turn_id, note)
                SELECT id, ? FROM turn WHERE id = ? AND tenant = ? AND owner = ?
                ON CONFLICT (turn_id) DO UPDATE SET note = excluded.note\
                """,
                note,
                turn,
                caller.tenant(),
                caller.owner()));
    if (changed == 0) {
      throw PerdureException.notFound("turn", turn);
    }
  }

  /** The name that the client gave to each of these messages, where it gave one. */
  public Map<String, String> names(Caller caller, String session) {
    Map<String, String> names = new HashMap<>();
    database.read(tx ->
        tx.list(
            """
            SELECT message_id, name FROM message_name WHERE session_id IN
                   (SELECT id FROM session WHERE id = ? AND tenant = ? AND owner = ?)\
            """,
            row -> names.put(row.getString(1), row.getString(2)),
            session,
            caller.tenant(),
            caller.owner()));
    return names;
  }

  /**
   * The branch that ends with a message, oldest first: the message, its parent, and so on.
   *
   * @param leaf the id of its last message
   * @param limit the most messages to read; of a longer branch the newest are returned
   */
  public List<Message> branch(Caller caller, String session, String leaf, int limit) {
    List<Message> newest =
        database.read(tx ->
            tx.list(
                "SELECT "
                    + Rows.MESSAGE_COLUMNS
                    + """
                     FROM message WHERE session_id IN
                          (SELECT id FROM session WHERE id = ? AND tenant = ? AND owner = ?)
                    ORDER BY position DESC LIMIT ?\
                    """,
                Rows::message,
                session,
                caller.tenant(),
                caller.owner(),
                limit));
    Deque<Message> branch = new ArrayDeque<>();
    @Nullable String wanted = leaf;
    // A parent is older than its children, so one pass from the newest on finds all of them.
    for (Message message : newest) {
      if (message.id().equals(wanted)) {
        branch.addFirst(message);
        wanted = message.parent();
      }
    }
    return List.copyOf(branch);
  }
}
