package dev.perdure.it.chaos;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How long the turns of a killed node waited for another one: from the kill to the {@code
 * turn.started} of the next epoch. Thread-safe.
 */
final class Takeovers {
  private final String url;

  /** When the holder of a turn's epoch was killed, by turn and epoch. */
  @GuardedBy("this")
  private final Map<Held, Long> killed = new HashMap<>();

  @GuardedBy("this")
  private final List<Long> times = new ArrayList<>();

  Takeovers(String url) {
    this.url = url;
  }

  private record Held(String turn, long epoch) {}

  /** What a node held just before something happened to it. */
  static final class Before {
    private final List<Held> held;

    private Before(List<Held> held) {
      this.held = held;
    }
  }

  Before before(Node node) {
    List<Held> held = new ArrayList<>();
    @Nullable String id = node.id();
    if (id != null) {
      try (Connection connection = DriverManager.getConnection(url);
          PreparedStatement statement =
              connection.prepareStatement(
                  "SELECT id, epoch FROM turn WHERE node_id = ? AND state = 'running'")) {
        statement.setString(1, id);
        try (ResultSet rows = statement.executeQuery()) {
          while (rows.next()) {
            held.add(new Held(rows.getString(1), rows.getLong(2)));
          }
        }
      } catch (SQLException e) {
        // The database is away: this takeover is not measured.
        held.clear();
      }
    }
    return new Before(held);
  }

  synchronized void after(Before before, long atMillis) {
    before.held.forEach(held -> killed.put(held, atMillis));
  }

  /** Tells of a {@code turn.started} in a log. */
  synchronized void started(String turn, long epoch, long atMillis) {
    @Nullable Long since = killed.get(new Held(turn, epoch - 1));
    if (since != null) {
      times.add(Math.max(0, atMillis - since));
    }
  }

  /** All times in milliseconds, in order. */
  synchronized long[] times() {
    long[] sorted = times.stream().mapToLong(Long::longValue).toArray();
    Arrays.sort(sorted);
    return sorted;
  }
}
