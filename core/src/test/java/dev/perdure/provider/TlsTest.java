package dev.perdure.provider;

import static dev.perdure.provider.ModelProviderContract.CLOCK;
import static dev.perdure.provider.ModelProviderContract.KEY;
import static dev.perdure.provider.ModelProviderContract.PATIENT;
import static dev.perdure.provider.ModelProviderContract.all;
import static dev.perdure.provider.ModelProviderContract.await;
import static dev.perdure.provider.ModelProviderContract.failure;
import static dev.perdure.provider.ModelProviderContract.request;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.provider.ModelRequest.Limits;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.TransportOptions;
import dev.perdure.provider.openai.OpenAiChatProvider;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Calls over TLS, and through a proxy, against a certificate for localhost that lives a day. */
class TlsTest {
  private static final String PASSWORD = "changeit";
  private static final String HELLO =
      """
      HTTP/1.1 200 OK
      Content-Type: text/event-stream
      Content-Length: 88

      data: {"choices":[{"delta":{"content":"Hello"},"finish_reason":"stop"}]}

      data: [DONE]

      """;

  @TempDir static Path directory;
  private static SSLContext tls;

  @BeforeAll
  static void makeCertificate() throws Exception {
    Path store = directory.resolve("store.p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                "test",
                "-keyalg",
                "EC",
                "-dname",
                "CN=localhost",
                "-ext",
                "san=dns:localhost",
                "-validity",
                "1",
                "-storetype",
                "PKCS12",
                "-storepass",
                PASSWORD,
                "-keystore",
                store.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertThat(keytool.waitFor()).isZero();
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(store)) {
      keys.load(in, PASSWORD.toCharArray());
    }
    KeyManagerFactory own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    own.init(keys, PASSWORD.toCharArray());
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    trusted.setCertificateEntry("test", keys.getCertificate("test"));
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    tls = SSLContext.getInstance("TLS");
    tls.init(own.getKeyManagers(), trust.getTrustManagers(), null);
  }

  @Test
  void a_trusted_server_is_called_and_its_connection_kept() throws Exception {
    try (RawServer server = RawServer.keepingAliveOn(listening(), TlsTest::hello);
        Transport transport = transport()) {
      for (int i = 0; i < 3; i++) {
        assertThat(all(provider(transport, "https://localhost:" + server.port()).open(hi())))
            .isNotEmpty();
      }
      assertThat(server.connections()).isEqualTo(1);
    }
  }

  @Test
  void the_name_of_the_server_must_be_that_of_its_certificate() throws IOException {
    try (RawServer server = RawServer.on(listening(), TlsTest::hello);
        Transport transport = transport()) {
      ProviderException e =
          failure(provider(transport, "https://127.0.0.1:" + server.port()).open(hi()));
      assertThat(e.kind()).isEqualTo(Kind.CONNECT);
      assertThat(server.requests()).isEmpty();
    }
  }

  @Test
  void a_server_that_is_not_trusted_is_not_called() throws IOException {
    try (RawServer server = RawServer.on(listening(), TlsTest::hello);
        Transport transport = new Transport(TransportOptions.defaults(), CLOCK)) {
      ProviderException e =
          failure(provider(transport, "https://localhost:" + server.port()).open(hi()));
      assertThat(e.kind()).isEqualTo(Kind.CONNECT);
      assertThat(e.getMessage()).doesNotContain(KEY);
      assertThat(server.requests()).isEmpty();
    }
  }

  @Test
  void a_server_without_tls_cannot_be_reached_over_it() throws IOException {
    try (RawServer server = RawServer.sending("HTTP/1.1 400 Bad\r\n\r\n");
        Transport transport = transport()) {
      Limits limits = new Limits(Duration.ofSeconds(1), PATIENT.firstToken(), PATIENT.idle());
      OpenAiChatProvider provider = provider(transport, "https://localhost:" + server.port());
      assertThat(failure(provider.open(request("hi", limits))).kind()).isEqualTo(Kind.CONNECT);
    }
  }

  @Test
  void silence_in_the_handshake_counts_as_connecting() throws IOException {
    try (ServerSocket silent = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
        Transport transport = transport()) {
      Limits limits = new Limits(Duration.ofMillis(80), PATIENT.firstToken(), PATIENT.idle());
      ProviderException e =
          failure(
              provider(transport, "https://localhost:" + silent.getLocalPort())
                  .open(request("hi", limits)));
      assertThat(e.kind()).isEqualTo(Kind.CONNECT);
      assertThat(e.getMessage()).contains("80 ms");
    }
  }

  @Test
  void closing_in_the_handshake_ends_the_call() throws Exception {
    try (ServerSocket silent = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
        Transport transport = transport()) {
      ModelStream stream =
          provider(transport, "https://localhost:" + silent.getLocalPort()).open(hi());
      CompletableFuture<Kind> reader = new CompletableFuture<>();
      Thread.startVirtualThread(() -> reader.complete(failure(stream).kind()));
      try (Socket accepted = silent.accept()) {
        InputStream in = accepted.getInputStream();
        assertThat(in.read()).as("the first byte of the handshake").isEqualTo(22);
        stream.close();
        assertThat(reader.get()).isEqualTo(Kind.CANCELLED);
        // The rest of what was sent, then the end: the socket is closed.
        assertThat(drain(in)).isTrue();
      }
    }
  }

  @Test
  void many_calls_wait_for_few_handshakes() throws Exception {
    TransportOptions few =
        new TransportOptions(
            10, Duration.ofSeconds(30), 2, tls.getSocketFactory(), null, List.of());
    try (RawServer server = RawServer.on(listening(), TlsTest::hello);
        Transport transport = new Transport(few, CLOCK)) {
      OpenAiChatProvider provider = provider(transport, "https://localhost:" + server.port());
      List<CompletableFuture<Integer>> calls = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        CompletableFuture<Integer> call = new CompletableFuture<>();
        calls.add(call);
        Thread.startVirtualThread(() -> {
          try {
            call.complete(all(provider.open(hi())).size());
          } catch (ProviderException e) {
            call.completeExceptionally(e);
          }
        });
      }
      for (CompletableFuture<Integer> call : calls) {
        assertThat(call.get()).isEqualTo(2);
      }
    }
  }

  @Test
  void a_proxy_is_used_for_tls_except_for_hosts_that_are_excluded() throws Exception {
    List<String> asked = new CopyOnWriteArrayList<>();
    try (RawServer server = RawServer.on(listening(), TlsTest::hello);
        ServerSocket proxy = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      Thread.ofVirtual().start(() -> relay(proxy, server.port(), asked));
      URI at = URI.create("http://127.0.0.1:" + proxy.getLocalPort());
      String base = "https://localhost:" + server.port();
      TransportOptions options = TransportOptions.defaults().withTls(tls.getSocketFactory());
      try (Transport over = new Transport(options.withProxy(at, List.of("example.com")), CLOCK)) {
        assertThat(all(provider(over, base).open(hi()))).isNotEmpty();
      }
      assertThat(asked).containsExactly("CONNECT localhost:" + server.port() + " HTTP/1.1");
      try (Transport direct = new Transport(options.withProxy(at, List.of("LOCALHOST")), CLOCK)) {
        assertThat(all(provider(direct, base).open(hi()))).isNotEmpty();
      }
      assertThat(asked).hasSize(1);
    }
  }

  @Test
  void a_proxy_that_refuses_is_named() throws Exception {
    try (RawServer proxy = RawServer.sending("HTTP/1.1 403 No\r\n\r\n")) {
      TransportOptions options = TransportOptions.defaults().withProxy(proxy.uri(), List.of());
      try (Transport over = new Transport(options, CLOCK)) {
        ProviderException e = failure(provider(over, "https://api.example").open(hi()));
        assertThat(e.kind()).isEqualTo(Kind.CONNECT);
        assertThat(e.getMessage()).contains("proxy").contains("api.example:443");
        await(() -> proxy.requests().size() == 1);
        assertThat(proxy.requests().getFirst()).doesNotContain(KEY);
      }
    }
  }

  private static boolean drain(InputStream in) {
    try {
      in.transferTo(OutputStream.nullOutputStream());
    } catch (IOException e) {
      // A reset is an end as well.
    }
    return true;
  }

  /** A proxy for one connection. */
  private static void relay(ServerSocket proxy, int port, List<String> asked) {
    try (Socket client = proxy.accept();
        Socket server = new Socket(InetAddress.getLoopbackAddress(), port)) {
      StringBuilder head = new StringBuilder();
      while (head.indexOf("\r\n\r\n") < 0) {
        head.append((char) client.getInputStream().read());
      }
      asked.add(head.substring(0, head.indexOf("\r\n")));
      client.getOutputStream().write("HTTP/1.1 200 OK\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      Thread back =
          Thread.startVirtualThread(() -> {
            try {
              server.getInputStream().transferTo(client.getOutputStream());
            } catch (IOException e) {
              // Either side has ended.
            }
          });
      client.getInputStream().transferTo(server.getOutputStream());
      back.join();
    } catch (IOException e) {
      // The test is over.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void hello(OutputStream out, int request) throws IOException {
    out.write(HELLO.getBytes(StandardCharsets.US_ASCII));
  }

  private static ServerSocket listening() throws IOException {
    return tls.getServerSocketFactory().createServerSocket(0, 50, InetAddress.getLoopbackAddress());
  }

  private static Transport transport() {
    return new Transport(TransportOptions.defaults().withTls(tls.getSocketFactory()), CLOCK);
  }

  private static OpenAiChatProvider provider(Transport transport, String base) {
    return new OpenAiChatProvider(
        new ProviderSettings("name", URI.create(base), new Secret(KEY)), transport);
  }

  private static ModelRequest hi() {
    return request("hi", PATIENT);
  }
}
