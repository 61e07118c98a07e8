package dev.perdure.terminal;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEventCodec;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.function.UnaryOperator;

/**
 * A server that knows one session with one turn, whose log is given, and that cuts its streams
 * where it is told to. It plays the far side of the terminal client. Thread-safe.
 */
final class ScriptedServer implements AutoCloseable {
  private final HttpServer server;
  private final List<TurnEvent> log;
  private final List<Integer> cuts;

  /** Released to let the events behind {@link #holdAfter} out. */
  final CountDownLatch release = new CountDownLatch(1);

  volatile int holdAfter = Integer.MAX_VALUE;
  volatile int eventsStatus = 200;
  volatile int submitStatus = 202;
  volatile int submitFailures;
  volatile UnaryOperator<String> frame = UnaryOperator.identity();
  volatile String messages = "{\"items\":[]}";
  final List<String> requests = Collections.synchronizedList(new ArrayList<>());
  final List<String> lastEventIds = Collections.synchronizedList(new ArrayList<>());
  private int connections;

  /**
   * @param log what the turn's log holds
   * @param cuts behind how many events the first, second, … stream breaks; later ones are whole
   */
  ScriptedServer(List<TurnEvent> log, Integer... cuts) throws IOException {
    this.log = List.copyOf(log);
    this.cuts = List.of(cuts);
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/", this::handle);
    server.start();
  }

  String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  private void handle(HttpExchange exchange) throws IOException {
    String request = exchange.getRequestMethod() + " " + exchange.getRequestURI().getPath();
    String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    String key = exchange.getRequestHeaders().getFirst("Idempotency-Key");
    requests.add(request + (body.isEmpty() ? "" : " " + body) + (key == null ? "" : " key=" + key));
    switch (request) {
      case "POST /v1/sessions" -> answer(exchange, 201, "{\"id\":\"sess_1\"}");
      case "GET /v1/sessions/sess_1" -> answer(exchange, 200, "{\"id\":\"sess_1\"}");
      case "GET /v1/sessions/sess_1/messages" -> answer(exchange, 200, messages);
      case "POST /v1/sessions/sess_1/turns" -> submit(exchange);
      case "POST /v1/turns/turn_1/cancel" -> {
        answer(exchange, 202, "{\"turn\":\"turn_1\"}");
        release.countDown();
      }
      case "GET /v1/turns/turn_1/events" -> events(exchange);
      default -> answer(exchange, 404, "{\"detail\":\"No such thing.\\u001b[31m\"}");
    }
  }

  private synchronized void submit(HttpExchange exchange) throws IOException {
    if (submitFailures > 0) {
      submitFailures--;
      exchange.close();
      return;
    }
    answer(
        exchange,
        submitStatus,
        submitStatus == 202 ? "{\"turn\":\"turn_1\"}" : "{\"detail\":\"No.\"}");
  }

  private void events(HttpExchange exchange) throws IOException {
    String last = exchange.getRequestHeaders().getFirst("Last-Event-ID");
    lastEventIds.add(String.valueOf(last));
    if (eventsStatus != 200) {
      answer(exchange, eventsStatus, "{\"detail\":\"The log has expired.\"}");
      return;
    }
    int cut;
    synchronized (this) {
      cut = connections < cuts.size() ? cuts.get(connections) : Integer.MAX_VALUE;
      connections++;
    }
    exchange.getResponseHeaders().set("Content-Type", "text/event-stream");
    exchange.sendResponseHeaders(200, 0);
    try (exchange;
        OutputStream out = exchange.getResponseBody()) {
      int sent = 0;
      for (int seq = last == null ? 0 : Integer.parseInt(last) + 1; seq < log.size(); seq++) {
        if (sent++ == cut) {
          return;
        }
        if (seq > holdAfter) {
          release.await();
        }
        String line = new String(TurnEventCodec.encode(seq, log.get(seq)), StandardCharsets.UTF_8);
        String text = ": beat\n\nid: " + seq + "\ndata: " + line + "\n\n";
        out.write(frame.apply(text).getBytes(StandardCharsets.UTF_8));
        out.flush();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void answer(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, bytes.length);
    try (exchange;
        OutputStream out = exchange.getResponseBody()) {
      out.write(bytes);
    }
  }

  @Override
  public void close() {
    release.countDown();
    server.stop(0);
  }
}
