package dev.perdure.provider.fake;

import dev.perdure.provider.demo.DemoCalls;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.time.InstantSource;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A provider without a model over real sockets: it speaks OpenAI chat completions, OpenAI
 * Responses, Anthropic Messages and Gemini, plays the {@code DemoScript} of the prompt, and is
 * exact to the byte about its faults. Thread-safe; two virtual threads per connection.
 *
 * <pre>
 * POST …/chat/completions   POST …/responses   POST …/messages
 * POST …/models/MODEL:streamGenerateContent
 * POST …/embeddings         vectors, see FakeEmbeddings, and there for /__embeddings
 * GET  …/models             the one model "fake"
 * GET  /__calls             the journal, see FakeJournal;  DELETE /__calls forgets it
 * </pre>
 *
 * A program steers it by the header {@code x-fake-script} or the field {@code x_fake_script} of the
 * body, with the parameters that {@code DemoCommands} lists. Any key is welcome.
 */
public final class FakeProviderServer implements AutoCloseable {
  private static final int BACKLOG = 2048;

  private final ServerSocket server;
  private final Set<FakeConnection> connections = ConcurrentHashMap.newKeySet();
  private final AtomicLong ids = new AtomicLong();
  private final InstantSource clock;
  private final FakeJournal journal;
  private final DemoCalls calls = new DemoCalls();
  private final FakeEmbeddings embeddings = new FakeEmbeddings();

  /**
   * @param port 0 for a free one
   */
  public FakeProviderServer(InetAddress host, int port, InstantSource clock) throws IOException {
    this.clock = clock;
    this.journal = new FakeJournal(clock);
    this.server = new ServerSocket();
    server.setReuseAddress(true);
    server.bind(new InetSocketAddress(host, port), BACKLOG);
    Thread.ofVirtual().name("fake-provider").start(this::accept);
  }

  /** On a free port of loopback. */
  public static FakeProviderServer onLoopback(InstantSource clock) throws IOException {
    return new FakeProviderServer(InetAddress.getLoopbackAddress(), 0, clock);
  }

  public int port() {
    return server.getLocalPort();
  }

  /** Where it listens, without a path. */
  public URI uri() {
    return URI.create("http://" + server.getInetAddress().getHostAddress() + ":" + port());
  }

  public FakeJournal journal() {
    return journal;
  }

  public FakeEmbeddings embeddings() {
    return embeddings;
  }

  InstantSource clock() {
    return clock;
  }

  DemoCalls calls() {
    return calls;
  }

  long nextId() {
    return ids.incrementAndGet();
  }

  void gone(FakeConnection connection) {
    if (connections.remove(connection)) {
      journal.disconnected();
    }
  }

  private void accept() {
    while (!server.isClosed()) {
      try {
        Socket socket = server.accept();
        FakeConnection connection = new FakeConnection(this, socket);
        connections.add(connection);
        journal.connected();
        Thread.ofVirtual().name("fake-connection").start(connection::run);
      } catch (IOException e) {
        // Closed, or a client that was gone before it was accepted.
      }
    }
  }

  /** Resets all connections and stops listening. */
  @Override
  public void close() {
    try {
      server.close();
    } catch (IOException e) {
      // It no longer listens either way.
    }
    connections.forEach(FakeConnection::reset);
  }
}
