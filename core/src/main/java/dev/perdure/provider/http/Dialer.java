package dev.perdure.provider.http;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;

/**
 * Makes connections, each on a virtual thread of its own: a look-up of a name cannot be
 * interrupted, but whoever waits for the future can walk away at once. Thread-safe.
 */
final class Dialer {
  private static final int MAX_PROXY_LINE_BYTES = 8 * 1024;
  private static final int MAX_PROXY_LINES = 100;

  private final TransportOptions options;
  private final Semaphore handshakes;

  Dialer(TransportOptions options) {
    this.options = options;
    this.handshakes = new Semaphore(options.maxHandshakes(), true);
  }

  /** Begins to make a connection. */
  Dial dial(Origin origin) {
    CompletableFuture<Connection> result = new CompletableFuture<>();
    Thread thread =
        Thread.ofVirtual()
            .name("perdure-dial")
            .start(() -> {
              try {
                Connection connection = connect(origin);
                if (!result.complete(connection)) {
                  connection.abort();
                }
              } catch (IOException | InterruptedException | RuntimeException e) {
                result.completeExceptionally(e);
              }
            });
    return new Dial(thread, result);
  }

  /** A connection in the making. Thread-safe. */
  record Dial(Thread thread, CompletableFuture<Connection> result) {
    /** Waits for it. */
    Connection await() throws IOException, InterruptedException {
      try {
        return result.get();
      } catch (ExecutionException e) {
        throw e.getCause() instanceof IOException io
            ? io
            : new IOException("Cannot connect", e.getCause());
      } catch (CancellationException e) {
        throw new IOException("Given up while connecting", e);
      }
    }

    /** Gives up. Interrupting a virtual thread closes the socket that it waits for. */
    void abandon() {
      if (result.cancel(false)) {
        thread.interrupt();
      }
    }
  }

  private Connection connect(Origin origin) throws IOException, InterruptedException {
    URI proxy = proxyFor(origin);
    Origin first = proxy == null ? origin : Origin.of(proxy);
    Socket raw = reach(first);
    boolean done = false;
    try {
      raw.setTcpNoDelay(true);
      if (proxy != null) {
        tunnel(new Connection(first, raw, raw), origin);
      }
      Connection connection = new Connection(origin, raw, origin.tls() ? secure(raw, origin) : raw);
      done = true;
      return connection;
    } finally {
      if (!done) {
        raw.close();
      }
    }
  }

  /** Tries the addresses of the host in turn: localhost is two, and a server may listen on one. */
  private Socket reach(Origin origin) throws IOException {
    IOException failure = null;
    for (InetAddress address : options.addresses().of(origin.host())) {
      Socket socket = new Socket();
      try {
        socket.connect(new InetSocketAddress(address, origin.port()));
        return socket;
      } catch (IOException e) {
        socket.close();
        failure = e;
        if (Thread.currentThread().isInterrupted()) {
          break;
        }
      }
    }
    throw failure == null ? new IOException("The host has no address") : failure;
  }

  private Socket secure(Socket raw, Origin origin) throws IOException, InterruptedException {
    handshakes.acquire();
    try {
      SSLSocket socket =
          (SSLSocket) options.tls().createSocket(raw, origin.host(), origin.port(), true);
      SSLParameters parameters = socket.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      socket.setSSLParameters(parameters);
      socket.startHandshake();
      return socket;
    } finally {
      handshakes.release();
    }
  }

  private @Nullable URI proxyFor(Origin origin) {
    URI proxy = options.proxy();
    if (proxy == null || !origin.tls()) {
      return null;
    }
    String host = origin.host().toLowerCase(Locale.ROOT);
    for (String entry : options.noProxy()) {
      String direct = entry.strip().toLowerCase(Locale.ROOT);
      String domain = direct.startsWith(".") ? direct : "." + direct;
      if (direct.equals("*") || host.equals(direct) || host.endsWith(domain)) {
        return null;
      }
    }
    return proxy;
  }

  private static void tunnel(Connection proxy, Origin origin) throws IOException {
    String target = origin.authority();
    if (target.indexOf(':', target.lastIndexOf(']') + 1) < 0) {
      target += ":" + origin.port();
    }
    proxy.write(
        ("CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n\r\n")
            .getBytes(StandardCharsets.US_ASCII));
    String status = proxy.line(MAX_PROXY_LINE_BYTES);
    for (int i = 0; !proxy.line(MAX_PROXY_LINE_BYTES).isEmpty(); i++) {
      if (i == MAX_PROXY_LINES) {
        throw new BadHttpException("the proxy's answer has too many headers");
      }
    }
    if (!status.matches("HTTP/1\\.[01] 2\\d\\d.*")) {
      throw new IOException("The proxy " + proxy.origin + " refused to connect to " + target);
    }
  }
}
