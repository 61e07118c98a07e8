package dev.perdure.db;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.io.JsonStringEncoder;
import com.fasterxml.jackson.databind.JsonNode;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.protocol.Json;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/**
 * Hints between nodes over {@code LISTEN} and {@code NOTIFY} on the channel {@code perdure}. The
 * payload is JSON: {@code {"topic":"LOG","keys":["turn_...", ...]}}, shorter than PostgreSQL's
 * 8,000 bytes.
 *
 * <p>A sender thread collects the keys of each topic while the previous notification is on its way,
 * so the load on the server does not grow with the number of events; it uses a connection of its
 * own, because a transaction that notifies serialises its commit with all others that do. A
 * listener thread has another one. Either being down costs hints, never data: subscribers poll.
 * What this node has sent is recognised by the sending connection's process id. Thread-safe.
 */
final class PostgresSignals implements Signals {
  static final String CHANNEL = "perdure";
  private static final int MAX_PAYLOAD_BYTES = 7_900;

  /** Keys of a topic waiting to be sent; further ones are dropped, as polls will find them. */
  private static final int MAX_PENDING_KEYS = 20_000;

  /** How long a node may take to notice that another one has begun to listen. */
  private static final Duration AUDIENCE = Duration.ofSeconds(1);

  /** The advisory lock that listeners share: "perd" in ASCII. */
  private static final int LISTENING_KEY = 0x70657264;

  /** How long a close waits for the hints that are still to be sent. */
  private static final Duration LAST_WORDS = Duration.ofSeconds(1);

  private static final Duration LISTEN_WAIT = Duration.ofSeconds(5);
  private static final Duration FIRST_BACKOFF = Duration.ofMillis(200);
  private static final Duration MAX_BACKOFF = Duration.ofSeconds(5);
  private static final Logger LOG = System.getLogger(PostgresSignals.class.getName());

  private final DataSource dataSource;
  private final LocalSignals local = new LocalSignals();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  @GuardedBy("lock")
  private final Map<Topic, Set<String>> pending = new EnumMap<>(Topic.class);

  @GuardedBy("lock")
  private boolean closed;

  @GuardedBy("lock")
  private @Nullable Connection listening;

  /** The process id of the sender's connection, 0 while there is none. */
  private volatile int senderPid;

  private final Thread sender = Thread.ofPlatform().name("perdure-notify").unstarted(this::send);
  private final Thread listener = Thread.ofPlatform().name("perdure-listen").unstarted(this::hear);

  PostgresSignals(DataSource dataSource) {
    this.dataSource = dataSource;
    for (Topic topic : Topic.values()) {
      pending.put(topic, new LinkedHashSet<>());
    }
    sender.setDaemon(true);
    listener.setDaemon(true);
    sender.start();
    listener.start();
  }

  @Override
  public void publish(Topic topic, Collection<String> keys) {
    if (keys.isEmpty()) {
      return;
    }
    local.publish(topic, keys);
    lock.lock();
    try {
      Set<String> waiting = pending.get(topic);
      if (waiting != null && waiting.size() < MAX_PENDING_KEYS) {
        waiting.addAll(keys);
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public Subscription subscribe(Topic topic, Consumer<Collection<String>> listener) {
    return local.subscribe(topic, listener);
  }

  // Sending.

  private void send() {
    Backoff backoff = new Backoff();
    while (!isClosed()) {
      try (Connection connection = dataSource.getConnection();
          PreparedStatement notify =
              connection.prepareStatement(
                  "SELECT pg_notify('" + CHANNEL + "', p) FROM unnest(?) AS p")) {
        senderPid = connection.unwrap(PGConnection.class).getBackendPID();
        hurry(connection);
        backoff.reset();
        sendUntilClosed(connection, notify);
      } catch (SQLException e) {
        backoff.await("Hints to other nodes cannot be sent; they poll meanwhile", e);
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  /** A hint need not wait for the disk, nor keep it busy while the log wants it. */
  private static void hurry(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("SET synchronous_commit = off");
    }
  }

  private void sendUntilClosed(Connection connection, PreparedStatement notify)
      throws SQLException, InterruptedException {
    boolean others = true;
    long askAgain = System.nanoTime();
    while (true) {
      List<String> payloads = takePayloads();
      if (payloads.isEmpty()) {
        return;
      }
      if (System.nanoTime() - askAgain >= 0) {
        others = othersListen(connection);
        askAgain = System.nanoTime() + AUDIENCE.toNanos();
      }
      if (others) {
        notify.setArray(1, connection.createArrayOf("text", payloads.toArray()));
        notify.execute();
      }
    }
  }

  /**
   * A node that is alone need not tell anybody; each that listens holds a lock to be counted by.
   */
  private static boolean othersListen(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                """
                SELECT COUNT(*) FROM pg_locks
                 WHERE locktype = 'advisory' AND objid = %d AND granted
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())\
                """
                    .formatted(LISTENING_KEY))) {
      return row.next() && row.getInt(1) > 1;
    }
  }

  /** Waits for keys and packs all of them; empty once closed and everything is sent. */
  private List<String> takePayloads() throws InterruptedException {
    Map<Topic, List<String>> taken = new EnumMap<>(Topic.class);
    lock.lock();
    try {
      while (!closed && pending.values().stream().allMatch(Set::isEmpty)) {
        changed.await();
      }
      for (Map.Entry<Topic, Set<String>> entry : pending.entrySet()) {
        taken.put(entry.getKey(), List.copyOf(entry.getValue()));
        entry.getValue().clear();
      }
    } finally {
      lock.unlock();
    }
    List<String> payloads = new ArrayList<>();
    taken.forEach((topic, keys) -> payloads.addAll(pack(topic, keys)));
    return payloads;
  }

  /** The keys in as few payloads as they fit in; a key that fits in none is left out. */
  static List<String> pack(Topic topic, Collection<String> keys) {
    String head = "{\"topic\":\"" + topic + "\",\"keys\":[";
    String tail = "]}";
    int frame = head.length() + tail.length();
    List<String> payloads = new ArrayList<>();
    StringBuilder payload = new StringBuilder(head);
    int bytes = frame;
    for (String key : keys) {
      byte[] quoted = JsonStringEncoder.getInstance().quoteAsUTF8(key);
      int more = quoted.length + "\"\",".length();
      if (frame + more > MAX_PAYLOAD_BYTES) {
        continue;
      }
      if (bytes + more > MAX_PAYLOAD_BYTES) {
        payloads.add(payload.append(tail).toString());
        payload = new StringBuilder(head);
        bytes = frame;
      }
      payload.append(bytes == frame ? "\"" : ",\"");
      payload.append(new String(quoted, StandardCharsets.UTF_8)).append('"');
      bytes += more;
    }
    if (bytes > frame) {
      payloads.add(payload.append(tail).toString());
    }
    return payloads;
  }

  // Hearing.

  private void hear() {
    Backoff backoff = new Backoff();
    while (!isClosed()) {
      try (Connection connection = dataSource.getConnection();
          Statement listen = connection.createStatement()) {
        if (!register(connection)) {
          return;
        }
        listen.execute("LISTEN " + CHANNEL);
        listen.execute("SELECT pg_advisory_lock_shared(" + LISTENING_KEY + ")");
        backoff.reset();
        hearUntilClosed(connection);
      } catch (SQLException e) {
        backoff.await("Hints from other nodes cannot be heard; this node polls meanwhile", e);
      }
    }
  }

  /** Makes the connection known to {@link #close}, which ends the wait on it. */
  private boolean register(Connection connection) {
    lock.lock();
    try {
      listening = connection;
      return !closed;
    } finally {
      lock.unlock();
    }
  }

  private void hearUntilClosed(Connection connection) throws SQLException {
    PGConnection wire = connection.unwrap(PGConnection.class);
    while (!isClosed()) {
      PGNotification[] heard = wire.getNotifications((int) LISTEN_WAIT.toMillis());
      if (heard == null || heard.length == 0) {
        // Silence may be a dead line.
        if (!connection.isValid((int) LISTEN_WAIT.toSeconds())) {
          throw new SQLException("The listening connection is dead", "08006");
        }
        continue;
      }
      Map<Topic, Set<String>> keys = new EnumMap<>(Topic.class);
      for (PGNotification notification : heard) {
        if (notification.getPID() != senderPid) {
          unpack(notification.getParameter(), keys);
        }
      }
      keys.forEach(local::publish);
    }
  }

  /** Adds the keys of a payload; anybody with access to the database may have sent it. */
  static void unpack(String payload, Map<Topic, Set<String>> out) {
    try {
      JsonNode json = Json.MAPPER.readTree(payload);
      Topic topic = Topic.valueOf(json.required("topic").asText());
      for (JsonNode key : json.required("keys")) {
        out.computeIfAbsent(topic, t -> new LinkedHashSet<>()).add(key.asText());
      }
    } catch (JsonProcessingException | IllegalArgumentException e) {
      LOG.log(Level.DEBUG, "A notification that is none of ours is ignored.");
    }
  }

  private boolean isClosed() {
    lock.lock();
    try {
      return closed;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    Connection toAbort;
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
      toAbort = listening;
    } finally {
      lock.unlock();
    }
    local.close();
    if (toAbort != null) {
      try {
        toAbort.abort(Runnable::run);
      } catch (SQLException e) {
        // Then the wait ends by its own timeout.
      }
    }
    // The last hints are those of a node that hands over its turns: worth a moment.
    try {
      sender.join(LAST_WORDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    sender.interrupt();
  }

  /** Waits longer after each failure, and logs only the first of a row. */
  private final class Backoff {
    private Duration next = FIRST_BACKOFF;

    void reset() {
      next = FIRST_BACKOFF;
    }

    void await(String what, SQLException cause) {
      lock.lock();
      try {
        if (closed) {
          return;
        }
        if (next.equals(FIRST_BACKOFF)) {
          LOG.log(Level.WARNING, what + ". The connection is opened anew.", cause);
        }
        long nanos = next.toNanos();
        while (!closed && nanos > 0) {
          // Other changes wake this too, so wait out the rest.
          nanos = changed.awaitNanos(nanos);
        }
        next = next.multipliedBy(2).compareTo(MAX_BACKOFF) < 0 ? next.multipliedBy(2) : MAX_BACKOFF;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } finally {
        lock.unlock();
      }
    }
  }
}
