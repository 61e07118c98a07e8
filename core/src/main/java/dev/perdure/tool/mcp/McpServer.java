package dev.perdure.tool.mcp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.protocol.Json;
import dev.perdure.provider.http.Transport;
import dev.perdure.tool.Tool;
import dev.perdure.tool.http.SecretHeaders;
import dev.perdure.tool.mcp.McpException.Kind;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One MCP server of the operator's: connects to it, asks what tools it has, asks again when they
 * change, and comes back when it was lost. While it is away its tools stay known and their calls
 * fail; nothing else does. Thread-safe.
 */
public final class McpServer implements AutoCloseable {
  private static final Logger LOG = System.getLogger(McpServer.class.getName());

  /** What this client is written for; a server may answer with an earlier one. */
  private static final String VERSION = "2025-06-18";

  private static final Duration HELLO = Duration.ofSeconds(20);
  private static final Duration PING = Duration.ofSeconds(10);
  private static final Duration PING_EVERY = Duration.ofSeconds(30);
  private static final Duration FIRST_WAIT = Duration.ofMillis(500);
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(60);
  private static final int MAX_PAGES = 20;

  private final String name;
  private final Connector connector;
  private final McpTools tools;
  private final Publisher publisher;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  @GuardedBy("lock")
  private @Nullable McpChannel channel;

  @GuardedBy("lock")
  private boolean relist;

  @GuardedBy("lock")
  private boolean lost;

  @GuardedBy("lock")
  private boolean closed;

  @GuardedBy("lock")
  private Health health;

  /** Takes the tools of a server, in the place of those it had. */
  @FunctionalInterface
  public interface Publisher {
    /** Returns why some of them are left out. */
    List<String> publish(String server, List<? extends Tool> tools);
  }

  /** Makes a way to the server. */
  @FunctionalInterface
  interface Connector {
    McpChannel open(McpChannel.Listener listener) throws McpException;
  }

  /**
   * How a server is.
   *
   * @param up whether its tools can be called
   * @param tools how many it has, as far as is known
   * @param reason why it is not up; null if it is
   */
  public record Health(String server, boolean up, int tools, @Nullable String reason) {}

  McpServer(String name, McpTools.Trust trust, Connector connector, Publisher publisher) {
    this.name = name;
    this.connector = connector;
    this.tools = new McpTools(this, trust);
    this.publisher = publisher;
    this.health = new Health(name, false, 0, "It has not been reached yet.");
  }

  /** A server at a URL. */
  public static McpServer http(
      String name,
      McpTools.Trust trust,
      URI uri,
      SecretHeaders headers,
      Transport transport,
      Publisher publisher) {
    return new McpServer(
        name, trust, listener -> new McpHttp(uri, headers, transport, listener), publisher);
  }

  /**
   * A process that is started here.
   *
   * @param variables of its environment
   */
  public static McpServer stdio(
      String name,
      McpTools.Trust trust,
      List<String> command,
      Map<String, String> variables,
      Publisher publisher) {
    return new McpServer(
        name, trust, listener -> new McpStdio(command, variables, listener), publisher);
  }

  /** Begins to look for it. */
  public void start() {
    Thread.ofVirtual().name("mcp-" + name).start(this::live);
  }

  String name() {
    return name;
  }

  public Health health() {
    lock.lock();
    try {
      return health;
    } finally {
      lock.unlock();
    }
  }

  /** Calls a tool; returns the member {@code result}. */
  JsonNode call(ObjectNode params, Duration limit) throws McpException, InterruptedException {
    @Nullable McpChannel now;
    lock.lock();
    try {
      now = channel;
      if (now == null) {
        throw new McpException(Kind.UNREACHABLE, String.valueOf(health.reason()));
      }
    } finally {
      lock.unlock();
    }
    try {
      return now.request("tools/call", params, limit);
    } catch (McpException e) {
      if (e.lost()) {
        tell(true);
      }
      throw e;
    }
  }

  private void live() {
    Duration wait = FIRST_WAIT;
    while (begin()) {
      try (McpChannel opened = connector.open(new Listening())) {
        try {
          hello(opened);
          wait = FIRST_WAIT;
          watch(opened);
          down("The connection to it was lost.", opened);
        } catch (McpException e) {
          down(String.valueOf(e.getMessage()), opened);
        }
      } catch (McpException e) {
        down(String.valueOf(e.getMessage()), null);
      } catch (InterruptedException e) {
        return;
      }
      pause(wait);
      wait = wait.multipliedBy(2).compareTo(LONGEST_WAIT) < 0 ? wait.multipliedBy(2) : LONGEST_WAIT;
    }
  }

  private void hello(McpChannel opened) throws McpException, InterruptedException {
    ObjectNode params = Json.MAPPER.createObjectNode();
    params.put("protocolVersion", VERSION);
    params.putObject("capabilities");
    params.putObject("clientInfo").put("name", "perdure").put("version", "0.1");
    JsonNode said = opened.request("initialize", params, HELLO);
    String version = said.path("protocolVersion").asText();
    if (!version.matches("20\\d\\d-\\d\\d-\\d\\d")) {
      throw new McpException(Kind.REFUSED, "It speaks no version of MCP that is known here.");
    }
    opened.speaks(version);
    opened.notify("notifications/initialized", Json.MAPPER.createObjectNode(), PING);
    int count = list(opened);
    lock.lock();
    try {
      channel = opened;
      health = new Health(name, true, count, null);
    } finally {
      lock.unlock();
    }
    LOG.log(Level.INFO, "The MCP server ''{0}'' is there with {1} tools.", name, count);
  }

  private int list(McpChannel from) throws McpException, InterruptedException {
    tools.clear();
    @Nullable String cursor = null;
    for (int page = 0; page < MAX_PAGES; page++) {
      ObjectNode params = Json.MAPPER.createObjectNode();
      if (cursor != null) {
        params.put("cursor", cursor);
      }
      JsonNode said = from.request("tools/list", params, HELLO);
      said.path("tools").forEach(tools::add);
      cursor = said.path("nextCursor").asText(null);
      if (cursor == null) {
        break;
      }
    }
    List<String> left = new ArrayList<>(tools.faults());
    List<String> unfit = publisher.publish(name, tools.list());
    left.addAll(unfit);
    for (String each : left) {
      LOG.log(Level.WARNING, "Of the MCP server ''{0}'' a tool is left out: {1}", name, each);
    }
    return tools.list().size() - unfit.size();
  }

  /** Stays while the server does. */
  private void watch(McpChannel opened) throws McpException, InterruptedException {
    while (true) {
      boolean again;
      lock.lock();
      try {
        if (!lost && !closed && !relist) {
          changed.await(PING_EVERY.toMillis(), TimeUnit.MILLISECONDS);
        }
        if (lost || closed) {
          return;
        }
        again = relist;
        relist = false;
      } finally {
        lock.unlock();
      }
      if (again) {
        int count = list(opened);
        up(count);
      } else {
        ping(opened);
      }
    }
  }

  private static void ping(McpChannel opened) throws McpException, InterruptedException {
    try {
      opened.request("ping", Json.MAPPER.createObjectNode(), PING);
    } catch (McpException e) {
      // One that does not know the word is there nevertheless.
      if (e.kind() != Kind.REFUSED) {
        throw e;
      }
    }
  }

  private void up(int count) {
    lock.lock();
    try {
      health = new Health(name, true, count, null);
    } finally {
      lock.unlock();
    }
  }

  private void down(String reason, @Nullable McpChannel opened) {
    @Nullable String words = opened == null ? null : opened.lastWords();
    boolean told;
    lock.lock();
    try {
      told = closed || (!health.up() && reason.equals(health.reason()));
      channel = null;
      health = new Health(name, false, health.tools(), reason);
    } finally {
      lock.unlock();
    }
    if (!told) {
      LOG.log(
          Level.WARNING,
          "The MCP server ''{0}'' is away: {1}{2} Calls of its tools fail until it is back.",
          name,
          reason,
          words == null ? "" : " Its last words: " + words);
    }
  }

  private void pause(Duration time) {
    lock.lock();
    try {
      long left = time.toNanos();
      while (!closed && left > 0) {
        left = changed.awaitNanos(left);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      lock.unlock();
    }
  }

  /** Whether there is another try; what was said of the last one is forgotten. */
  private boolean begin() {
    lock.lock();
    try {
      lost = false;
      relist = false;
      return !closed && !Thread.currentThread().isInterrupted();
    } finally {
      lock.unlock();
    }
  }

  private void tell(boolean isLost) {
    lock.lock();
    try {
      lost |= isLost;
      relist |= !isLost;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private final class Listening implements McpChannel.Listener {
    @Override
    public void toolsChanged() {
      tell(false);
    }

    @Override
    public void lost() {
      tell(true);
    }
  }

  /** Lets go of it; a process is ended. */
  @Override
  public void close() {
    @Nullable McpChannel now;
    lock.lock();
    try {
      closed = true;
      now = channel;
      channel = null;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (now != null) {
      now.close();
    }
  }
}
