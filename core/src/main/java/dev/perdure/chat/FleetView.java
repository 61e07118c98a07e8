package dev.perdure.chat;

import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What all nodes together are doing, for whoever runs them: counts and times over all tenants, and
 * nothing that anybody has written. Thread-safe, without state of its own.
 */
public final class FleetView {
  /** The turns that have ended last and are looked at. */
  private static final int RECENT_TURNS = 500;

  private final Database database;

  public FleetView(Database database) {
    this.database = database;
  }

  /**
   * One node.
   *
   * @param running turns that it holds
   * @param leaseMillis for how long its lease holds still; negative if it has lapsed
   */
  public record Node(
      String id, String version, long startedAtMillis, long leaseMillis, long running) {}

  /**
   * The middle and the slow end of durations, in milliseconds; -1 if there are none.
   *
   * @param median half of them are shorter
   * @param slow nineteen in twenty are shorter
   */
  public record Spread(long median, long slow) {
    static Spread of(long[] durations) {
      Arrays.sort(durations);
      return durations.length == 0
          ? new Spread(-1, -1)
          : new Spread(durations[durations.length / 2], durations[durations.length * 19 / 20]);
    }
  }

  /**
   * The fleet at one moment.
   *
   * @param open how many turns are queued, running and waiting
   * @param ended how the latest turns have ended, by state
   * @param waited from accepting those to their first start
   * @param took from that start to their end
   */
  public record Reading(
      long atMillis,
      List<Node> nodes,
      Map<String, Long> open,
      Map<String, Long> ended,
      Spread waited,
      Spread took) {}

  private record Ended(String state, long waited, long took) {}

  /** Reads all of it. */
  public Reading read() {
    return database.read(tx -> {
      List<Ended> recent = recent(tx);
      Map<String, Long> ended = new LinkedHashMap<>();
      for (Ended turn : recent) {
        ended.merge(turn.state, 1L, Long::sum);
      }
      return new Reading(
          tx.now(),
          nodes(tx),
          open(tx),
          ended,
          Spread.of(recent.stream().mapToLong(Ended::waited).filter(ms -> ms >= 0).toArray()),
          Spread.of(recent.stream().mapToLong(Ended::took).filter(ms -> ms >= 0).toArray()));
    });
  }

  private static List<Ended> recent(Tx tx) throws SQLException {
    return tx.list(
        """
        SELECT state, COALESCE(started_at - created_at, -1), COALESCE(ended_at - started_at, -1)
          FROM turn WHERE ended_at IS NOT NULL AND log_expired = 0
         ORDER BY ended_at DESC LIMIT ?\
        """,
        row -> new Ended(row.getString(1), row.getLong(2), row.getLong(3)),
        RECENT_TURNS);
  }

  private static Map<String, Long> open(Tx tx) throws SQLException {
    Map<String, Long> counts = new LinkedHashMap<>();
    for (String state : List.of("queued", "running", "waiting")) {
      counts.put(state, 0L);
    }
    tx.list(
        """
        SELECT state, COUNT(*) FROM turn
         WHERE state IN ('queued', 'running', 'waiting') GROUP BY state\
        """,
        row -> counts.put(row.getString(1), row.getLong(2)));
    return counts;
  }

  private static List<Node> nodes(Tx tx) throws SQLException {
    long now = tx.now();
    return tx.list(
        """
        SELECT n.id, n.version, n.started_at, n.lease_until,
               (SELECT COUNT(*) FROM turn t WHERE t.node_id = n.id AND t.state = 'running')
          FROM node n ORDER BY n.started_at, n.id\
        """,
        row ->
            new Node(
                row.getString(1),
                row.getString(2),
                row.getLong(3),
                row.getLong(4) - now,
                row.getLong(5)));
  }
}
