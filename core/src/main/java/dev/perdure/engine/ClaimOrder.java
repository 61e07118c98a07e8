package dev.perdure.engine;

import dev.perdure.db.Tx;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Whose turn comes next: one of each tenant in turn, the oldest first within a tenant, and only the
 * first open one of a session. So whoever has 10,000 turns in the queue delays another tenant's
 * single one by one turn, not by 10,000. Used by one thread.
 *
 * <p>The round needs no bookkeeping in the rows: this node remembers the tenant that it served
 * last, and steps through the index {@code turn_queue_of_tenant} from there. Each node goes round
 * by itself; the sum of fair rounds is fair.
 */
final class ClaimOrder {
  /**
   * The first of the two conditions follows from the second but is much cheaper: a lookup in an
   * index of what runs. It sorts out the many turns that wait behind one that is being answered.
   */
  private static final String FIRST_OF_ITS_SESSION =
      """
      t.state = 'queued'
         AND NOT EXISTS (SELECT 1 FROM turn r
                          WHERE r.session_id = t.session_id AND r.state IN ('running', 'waiting'))
         AND NOT EXISTS (SELECT 1 FROM turn o
                          WHERE o.session_id = t.session_id AND o.position < t.position
                            AND o.state IN ('queued', 'running', 'waiting'))\
      """;

  /** Steps from tenant to tenant, each by one look into the index, until there are enough. */
  private static final String TENANTS_AFTER =
      """
      WITH RECURSIVE waiting (tenant) AS (
        SELECT MIN(f.tenant) FROM turn f WHERE f.state = 'queued' AND f.tenant > ?
        UNION ALL
        SELECT (SELECT MIN(n.tenant) FROM turn n WHERE n.state = 'queued' AND n.tenant > w.tenant)
          FROM waiting w WHERE w.tenant IS NOT NULL)
      SELECT w.tenant FROM waiting w
       WHERE w.tenant IS NOT NULL
         AND EXISTS (SELECT 1 FROM turn t WHERE t.tenant = w.tenant AND \
      """
          + FIRST_OF_ITS_SESSION
          + ") LIMIT ?";

  private static final String OLDEST_OF_TENANT =
      "SELECT t.id FROM turn t WHERE t.tenant = ? AND "
          + FIRST_OF_ITS_SESSION
          + " ORDER BY t.id LIMIT ? {skip}";

  /** Before every tenant, none of whose names is empty. */
  private static final String BEGINNING = "";

  private String lastServed = BEGINNING;

  /** The turns to claim next, locked; fewer than wanted only if there are no more. */
  List<String> next(Tx tx, int atMost) throws SQLException {
    List<String> tenants = tenants(tx, atMost);
    if (!tenants.isEmpty()) {
      lastServed = tenants.getLast();
    }
    Set<String> turns = new LinkedHashSet<>();
    Map<String, Integer> taken = new HashMap<>();
    List<String> more = tenants;
    while (!more.isEmpty() && turns.size() < atMost) {
      List<String> asked = more;
      more = new ArrayList<>();
      for (int i = 0; i < asked.size() && turns.size() < atMost; i++) {
        String tenant = asked.get(i);
        int share = Math.ceilDiv(atMost - turns.size(), asked.size() - i);
        int most = taken.getOrDefault(tenant, 0) + share;
        List<String> oldest = tx.list(OLDEST_OF_TENANT, row -> row.getString(1), tenant, most);
        turns.addAll(oldest);
        taken.put(tenant, most);
        // What others leave of their shares goes to those who have more.
        if (oldest.size() == most) {
          more.add(tenant);
        }
      }
    }
    return List.copyOf(turns);
  }

  /** The next tenants with a turn to claim, beginning behind the one that was served last. */
  private List<String> tenants(Tx tx, int atMost) throws SQLException {
    Set<String> tenants =
        new LinkedHashSet<>(tx.list(TENANTS_AFTER, row -> row.getString(1), lastServed, atMost));
    if (tenants.size() < atMost && !lastServed.equals(BEGINNING)) {
      for (String tenant : tx.list(TENANTS_AFTER, row -> row.getString(1), BEGINNING, atMost)) {
        if (tenants.size() < atMost) {
          tenants.add(tenant);
        }
      }
    }
    return List.copyOf(tenants);
  }
}
