package dev.perdure.tool.mcp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.tool.mcp.McpException.Kind;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * MCP over the standard input and output of a process of our own: a message is a line. The process
 * has only the variables that it is given, besides PATH, HOME, LANG and TMPDIR, and is ended with
 * its children when this closes. Pipes block threads for good where a server does not read or
 * write, so three of the platform's belong to each process. Thread-safe.
 */
final class McpStdio implements McpChannel {
  /** Messages to a server that does not read them. */
  private static final int MAX_QUEUED = 256;

  private static final int LAST_WORDS_CHARS = 500;
  private static final Duration GRACE = Duration.ofSeconds(2);
  private static final List<String> INHERITED = List.of("PATH", "HOME", "LANG", "TMPDIR");

  /** Ends the writer. */
  private static final byte[] END = new byte[0];

  private final Process process;
  private final Listener listener;
  private final AtomicLong ids = new AtomicLong();
  private final Map<Long, CompletableFuture<JsonNode>> pending = new ConcurrentHashMap<>();
  private final BlockingQueue<byte[]> outgoing = new ArrayBlockingQueue<>(MAX_QUEUED);
  private volatile boolean over;
  private volatile String lastWords = "";

  /**
   * Starts the process.
   *
   * @param command the program and its arguments
   */
  McpStdio(List<String> command, Map<String, String> variables, Listener listener)
      throws McpException {
    this.listener = listener;
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().keySet().retainAll(INHERITED);
    builder.environment().putAll(variables);
    try {
      this.process = builder.start();
    } catch (IOException e) {
      throw new McpException(
          Kind.UNREACHABLE, "'" + command.getFirst() + "' cannot be started. Check the command.");
    }
    thread("mcp-read", this::read);
    thread("mcp-write", this::write);
    thread("mcp-words", this::listen);
  }

  private void thread(String name, Runnable work) {
    Thread.ofPlatform().daemon().name(name + "-" + process.pid()).start(work);
  }

  @Override
  public JsonNode request(String method, ObjectNode params, Duration limit)
      throws McpException, InterruptedException {
    long id = ids.incrementAndGet();
    CompletableFuture<JsonNode> answer = new CompletableFuture<>();
    pending.put(id, answer);
    try {
      send(McpMessages.request(id, method, params));
      if (over) {
        // It may have ended before it could see that somebody waits.
        answer.completeExceptionally(ended());
      }
      return McpMessages.result(answer.get(limit.toMillis(), TimeUnit.MILLISECONDS));
    } catch (TimeoutException e) {
      cancel(id);
      throw new McpException(Kind.UNKNOWN, "It did not answer within " + limit.toMillis() + " ms.");
    } catch (InterruptedException e) {
      cancel(id);
      throw e;
    } catch (ExecutionException e) {
      throw e.getCause() instanceof McpException said ? said : ended();
    } finally {
      pending.remove(id);
    }
  }

  /** Says that nobody waits any more. */
  private void cancel(long id) {
    ObjectNode params = Json.MAPPER.createObjectNode();
    params.put("requestId", id);
    outgoing.offer(line(McpMessages.notification("notifications/cancelled", params)));
  }

  @Override
  public void notify(String method, ObjectNode params, Duration limit) throws McpException {
    send(McpMessages.notification(method, params));
  }

  private void send(ObjectNode message) throws McpException {
    if (over) {
      throw new McpException(Kind.UNREACHABLE, "Its process has ended.");
    }
    if (!outgoing.offer(line(message))) {
      throw new McpException(Kind.REFUSED, "It does not read what it is sent.");
    }
  }

  private static byte[] line(ObjectNode message) {
    return (message.toString() + "\n").getBytes(StandardCharsets.UTF_8);
  }

  private static McpException ended() {
    return new McpException(Kind.UNKNOWN, "Its process ended in mid-call.");
  }

  private void write() {
    try (OutputStream out = process.getOutputStream()) {
      for (byte[] line = outgoing.take(); line.length > 0; line = outgoing.take()) {
        out.write(line);
        out.flush();
      }
    } catch (IOException | InterruptedException e) {
      // The reader sees the end as well, and says so.
    }
  }

  private void read() {
    try (InputStream in = new BufferedInputStream(process.getInputStream())) {
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      boolean tooLong = false;
      for (int b = in.read(); b >= 0; b = in.read()) {
        if (b != '\n') {
          if (!tooLong && line.size() == MAX_MESSAGE_BYTES) {
            tooLong = true;
            line.reset();
            failAll(
                new McpException(
                    Kind.UNKNOWN, "It answered with more than " + MAX_MESSAGE_BYTES + " bytes."));
          }
          if (!tooLong) {
            line.write(b);
          }
        } else {
          if (!tooLong) {
            byte[] bytes = line.toByteArray();
            take(McpMessages.read(bytes, bytes.length));
          }
          tooLong = false;
          line.reset();
        }
      }
    } catch (IOException e) {
      // As good as the end.
    }
    over = true;
    failAll(ended());
    listener.lost();
  }

  /**
   * What a message without end answers cannot be known, so all that wait are told; whoever asks
   * again once it is told does not belong to them.
   */
  private void failAll(McpException why) {
    List.copyOf(pending.values()).forEach(answer -> answer.completeExceptionally(why));
  }

  private void take(@Nullable JsonNode message) {
    if (message == null) {
      return;
    }
    @Nullable ObjectNode reply = McpMessages.reply(message);
    if (reply != null) {
      outgoing.offer(line(reply));
    } else if (message.path("method").asText().equals(TOOLS_CHANGED)) {
      listener.toolsChanged();
    } else if (message.path("id").isNumber()) {
      @Nullable CompletableFuture<JsonNode> answer = pending.get(message.path("id").asLong());
      if (answer != null) {
        answer.complete(message);
      }
    }
  }

  /** Keeps the end of what it says on its standard error. */
  private void listen() {
    try (InputStream in = process.getErrorStream()) {
      byte[] some = new byte[LAST_WORDS_CHARS];
      for (int n = in.read(some); n >= 0; n = in.read(some)) {
        String text = lastWords + new String(some, 0, n, StandardCharsets.UTF_8);
        lastWords = text.substring(Math.max(0, text.length() - LAST_WORDS_CHARS));
      }
    } catch (IOException e) {
      // It has said all that it will.
    }
  }

  @Override
  public @Nullable String lastWords() {
    String words = lastWords.replaceAll("[^ -~]+", " ").strip();
    return words.isEmpty() ? null : words;
  }

  @Override
  public void close() {
    over = true;
    List<ProcessHandle> children = process.descendants().toList();
    outgoing.clear();
    outgoing.offer(END);
    process.destroy();
    try {
      if (!process.waitFor(GRACE.toMillis(), TimeUnit.MILLISECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    children.forEach(ProcessHandle::destroyForcibly);
    failAll(ended());
  }
}
