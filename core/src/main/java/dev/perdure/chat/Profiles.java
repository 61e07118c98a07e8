package dev.perdure.chat;

import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import java.sql.SQLException;

/** The preferences of owners: table {@code preference}. Thread-safe, without state of its own. */
public final class Profiles {
  private final Database database;

  public Profiles(Database database) {
    this.database = database;
  }

  /** What the caller has set; {@link Preferences#NONE} if nothing. */
  public Preferences get(Caller caller) {
    return database.read(tx -> get(tx, caller));
  }

  private static Preferences get(Tx tx, Caller caller) throws SQLException {
    return tx.one(
            """
            SELECT instructions, facts, updated_at FROM preference
             WHERE tenant = ? AND owner = ?\
            """,
            row -> new Preferences(row.getString(1), Rows.texts(row.getString(2)), row.getLong(3)),
            caller.tenant(),
            caller.owner())
        .orElse(Preferences.NONE);
  }

  /** Replaces all that the caller has set; turns that begin a call to a model later see it. */
  public Preferences put(Caller caller, Preferences preferences) {
    return database.write(tx -> {
      tx.update(
          """
          INSERT INTO preference (tenant, owner, instructions, facts, updated_at)
          VALUES (?, ?, ?, ?, {now})
          ON CONFLICT (tenant, owner)
          DO UPDATE SET instructions = excluded.instructions, facts = excluded.facts,
                        updated_at = excluded.updated_at\
          """,
          caller.tenant(),
          caller.owner(),
          preferences.instructions(),
          Rows.textsOrNull(preferences.facts()));
      return get(tx, caller);
    });
  }
}
