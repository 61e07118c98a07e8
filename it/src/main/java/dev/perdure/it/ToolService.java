package dev.perdure.it;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.perdure.it.check.Stored.ToolRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A service behind tools, outside of every server under test: it notes each request with its
 * idempotency key, and says "ok". Its tools are {@code look} (read), {@code book} (idempotent, can
 * be undone), {@code pay} (unsafe) and {@code ask} (unsafe, needs an approval from 100 on).
 * Thread-safe.
 */
public final class ToolService implements AutoCloseable {
  /** The least {@code n} with which {@code ask} needs an approval. */
  private static final int APPROVED_FROM = 100;

  private static final Pattern NUMBER = Pattern.compile("\"n\":(\\d{1,9})");

  private final HttpServer server;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final List<Asked> asked = new CopyOnWriteArrayList<>();

  /** One request. */
  public record Asked(String path, String key, String body, long atMillis) {
    /** By what its settings say, whatever the server has made of them. */
    boolean needsApproval() {
      Matcher number = NUMBER.matcher(body);
      return path.equals("/ask")
          && number.find()
          && Integer.parseInt(number.group(1)) >= APPROVED_FROM;
    }
  }

  public ToolService() {
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new UncheckedIOException("No port for the service behind the tools", e);
    }
    server.createContext("/", this::answer);
    server.setExecutor(threads);
    server.start();
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
      asked.add(
          new Asked(
              exchange.getRequestURI().getPath(),
              String.valueOf(exchange.getRequestHeaders().getFirst("Idempotency-Key")),
              body,
              System.currentTimeMillis()));
      byte[] ok = "ok".getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", "text/plain");
      exchange.sendResponseHeaders(200, ok.length);
      exchange.getResponseBody().write(ok);
    }
  }

  /** The requests with this key, which is the id of a call. */
  public List<Asked> asked(String key) {
    return asked.stream().filter(one -> one.key.equals(key)).toList();
  }

  /** The requests to undo the call with this id. */
  public List<Asked> undone(String call) {
    return asked.stream().filter(one -> one.path.equals("/undo/" + call)).toList();
  }

  /** What was sent, in order. */
  public List<String> bodies() {
    return asked.stream().map(Asked::body).toList();
  }

  /** All requests, for the checker. */
  public List<ToolRequest> requests() {
    return asked.stream()
        .map(one -> new ToolRequest(one.key, one.atMillis, one.needsApproval()))
        .toList();
  }

  /** Settings of a server that has its tools. */
  public Path config(Path dir) {
    StringBuilder yaml = new StringBuilder("tools:\n  allowedAddresses: [127.0.0.1]\n  http:\n");
    tool(yaml, "look", "read", "never");
    tool(yaml, "book", "idempotent", "never");
    tool(yaml, "pay", "unsafe", "never");
    tool(yaml, "ask", "unsafe", "when /n >= " + APPROVED_FROM);
    try {
      return Files.writeString(dir.resolve("tools.yaml"), yaml);
    } catch (IOException e) {
      throw new UncheckedIOException("The settings cannot be written", e);
    }
  }

  private void tool(StringBuilder yaml, String name, String effect, String approval) {
    yaml.append("    ").append(name).append(":\n");
    yaml.append("      url: http://127.0.0.1:").append(server.getAddress().getPort());
    yaml.append('/').append(name).append('\n');
    yaml.append("      description: A tool for tests.\n");
    yaml.append("      effect: ").append(effect).append('\n');
    yaml.append("      approval: ").append(approval).append('\n');
    if (name.equals("book")) {
      // A server that dies while it undoes a call keeps the next one from it for as long as this.
      yaml.append("      timeout: 5s\n");
      yaml.append("      undo: http://127.0.0.1:").append(server.getAddress().getPort());
      yaml.append("/undo/{call}\n");
    }
    yaml.append(
        "      schema: {type: object, properties: {n: {type: integer}}, additionalProperties: false}\n");
  }

  @Override
  public void close() {
    server.stop(0);
    threads.close();
  }
}
