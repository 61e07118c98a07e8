package dev.perdure.tool.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import dev.perdure.provider.RawServer;
import dev.perdure.provider.http.Addresses;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.TransportOptions;
import dev.perdure.testing.Ports;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.ToolException;
import dev.perdure.tool.http.HttpTool.Method;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HttpToolTest {
  private static final String SCHEMA =
      "{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{\"id\":{\"type\":\"string\"}}}";
  private static final Duration PATIENT = Duration.ofSeconds(30);

  private final List<AutoCloseable> open = new ArrayList<>();
  private Effect effect = Effect.READ;
  private Duration limit = PATIENT;

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable each : open) {
      each.close();
    }
  }

  private RawServer server(RawServer.Answer answer) throws IOException {
    RawServer server = RawServer.answering(answer);
    open.add(server);
    return server;
  }

  private RawServer answers(String status, String more, String body) throws IOException {
    return server((out, n) -> write(out, status, more, body));
  }

  private static void write(OutputStream out, String status, String more, String body)
      throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    out.write(
        ("HTTP/1.1 " + status + "\r\nContent-Length: " + bytes.length + "\r\n" + more + "\r\n")
            .getBytes(StandardCharsets.UTF_8));
    out.write(bytes);
  }

  /** Names lead to this machine, which is allowed but for tests of the policy. */
  private Transport transport(Addresses names, String... allowed) {
    Transport transport =
        new Transport(
            TransportOptions.defaults()
                .oneCallPerConnection(new AddressPolicy(List.of(allowed), names)),
            InstantSource.fixed(Instant.EPOCH));
    open.add(transport);
    return transport;
  }

  private Transport local() {
    return transport(host -> List.of(InetAddress.getLoopbackAddress()), "127.0.0.0/8", "::1");
  }

  private HttpTool tool(Method method, String url, String... headers) {
    return tool(local(), method, url, headers);
  }

  private HttpTool tool(Transport transport, Method method, String url, String... headers) {
    return new HttpTool(
        new Tool.Spec(
            "orders", "Looks up.", Json.trusted(SCHEMA), effect, Tool.Approval.NEVER, limit),
        method,
        url,
        new SecretHeaders(List.of(headers), Map.of("SHOP_TOKEN", "s3cret-token")::get),
        1000,
        transport);
  }

  private static JsonNode call(HttpTool tool, String arguments)
      throws ToolException, InterruptedException {
    return tool.run(new Tool.Input(Json.trusted(arguments), "call_1", "t", "ann", "turn_1"));
  }

  private static ToolException failure(HttpTool tool) {
    return catchThrowableOfType(ToolException.class, () -> call(tool, "{\"id\":\"7\"}"));
  }

  @Test
  void arguments_fill_the_URL_and_the_rest_is_sent_along() throws Exception {
    RawServer server = answers("200 OK", "Content-Type: application/json\r\n", "{\"n\":1}");
    String url = "http://shop.example:" + server.port() + "/orders/{id}?v=2";
    String arguments = "{\"id\":\"a/../b?c#d é\",\"tags\":[\"x\",\"y&z\"],\"n\":1.50}";
    assertThat(call(tool(Method.GET, url), arguments)).isEqualTo(Json.trusted("{\"n\":1}"));
    assertThat(server.requests().getFirst())
        .startsWith(
            "GET /orders/a%2F..%2Fb%3Fc%23d%20%C3%A9?v=2&tags=x&tags=y%26z&n=1.5 HTTP/1.1\r\n")
        .contains("\r\nHost: shop.example:" + server.port() + "\r\n")
        .contains("\r\nIdempotency-Key: call_1\r\n");
    call(tool(Method.POST, url), "{\"id\":\"7\",\"tags\":[\"x\"]}");
    assertThat(server.requests().get(1))
        .startsWith("POST /orders/7?v=2 HTTP/1.1\r\n")
        .contains("\r\nIdempotency-Key: call_1\r\n")
        .endsWith("\r\n\r\n{\"tags\":[\"x\"]}");
  }

  @ParameterizedTest
  @ValueSource(strings = {"\"..\"", "\".\"", "\"\"", "null", "{}", "[1]"})
  void an_argument_cannot_climb_out_of_its_place(String id) throws Exception {
    RawServer server = answers("200 OK", "", "");
    HttpTool tool = tool(Method.GET, "http://shop.example:" + server.port() + "/orders/{id}");
    assertThatThrownBy(() -> call(tool, "{\"id\":" + id + "}"))
        .isInstanceOf(ToolException.class)
        .hasMessageContaining("'id'");
    assertThat(server.connections()).isZero();
  }

  @Test
  void secrets_are_sent_and_never_come_back(@TempDir Path directory) throws Exception {
    Path file = directory.resolve("key");
    Files.writeString(file, "file-secret\n");
    RawServer server =
        answers("200 OK", "", "you said Bearer s3cret-token and file-secret and file-later");
    HttpTool tool =
        tool(
            Method.GET,
            "http://shop.example:" + server.port() + "/{id}",
            "Authorization: Bearer ${env:SHOP_TOKEN}",
            "X-Key: ${file:" + file + "}");
    assertThat(call(tool, "{\"id\":\"7\"}").asText())
        .isEqualTo("you said Bearer *** and *** and file-later");
    assertThat(server.requests().getFirst())
        .contains("\r\nAuthorization: Bearer s3cret-token\r\n")
        .contains("\r\nX-Key: file-secret\r\n");
    Files.writeString(file, "file-later");
    call(tool, "{\"id\":\"7\"}");
    assertThat(server.requests().get(1)).contains("\r\nX-Key: file-later\r\n");
    Files.delete(file);
    assertThat(failure(tool)).hasMessageContaining("cannot be read").matches(e -> !unknown(e));
    assertThat(new SecretHeaders(List.of("A: ${env:B}"), name -> "b-secret").fill().toString())
        .doesNotContain("b-secret");
  }

  private static boolean unknown(ToolException e) {
    return e.mayHaveActed();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Authorization: Bearer abc | holds its secret itself",
        "X-Key: ${env:MISSING} | MISSING is not set",
        "X-Key: ${file:/nowhere/at/all} | cannot be read",
        "Host: evil | is no header that can be set",
        "Idempotency-Key: mine | is no header that can be set",
        "no header at all | is no header that can be set"
      })
  void headers_that_cannot_be_stop_the_start(String line, String why) {
    assertThatThrownBy(() -> new SecretHeaders(List.of(line), name -> null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(why);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ftp://a.example/x",
        "http://{id}.example/x",
        "http://user@a.example/",
        "http:///x",
        "/x",
        "http://a.example/{other}",
        "http://a.example/#{id}"
      })
  void a_URL_that_cannot_be_stops_the_start(String url) {
    assertThatThrownBy(() -> tool(Method.GET, url)).isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @CsvSource({"400,false", "404,false", "409,false", "429,false", "500,true", "503,true"})
  void what_a_refusal_says_of_the_effect(int status, boolean unknown) throws Exception {
    RawServer server = answers(status + " X", "", "no such order, s3cret-token");
    ToolException e =
        failure(
            tool(
                Method.POST,
                "http://a.example:" + server.port() + "/{id}",
                "X-Key: ${env:SHOP_TOKEN}"));
    assertThat(e).hasMessage("'orders' answered with status " + status + ": no such order, ***");
    assertThat(e.mayHaveActed()).isEqualTo(unknown);
  }

  @Test
  void a_connection_that_breaks_leaves_the_effect_unknown_once_the_request_is_out()
      throws Exception {
    RawServer mute = server((out, n) -> {});
    assertThat(failure(tool(Method.POST, "http://a.example:" + mute.port() + "/")))
        .hasMessageContaining("broke off")
        .matches(HttpToolTest::unknown);
    assertThat(mute.connections()).isEqualTo(1);
    mute.close();
    assertThat(failure(tool(Method.POST, "http://a.example:" + mute.port() + "/")))
        .hasMessageContaining("cannot be reached")
        .matches(e -> !unknown(e));
  }

  @Test
  void a_tool_that_never_answers_is_given_up_after_its_time() throws Exception {
    CountDownLatch never = new CountDownLatch(1);
    RawServer server = server((out, n) -> hang(never));
    limit = Duration.ofMillis(200);
    assertThat(failure(tool(Method.POST, "http://a.example:" + server.port() + "/")))
        .hasMessageContaining("did not answer within 200 ms")
        .matches(HttpToolTest::unknown);
    never.countDown();
  }

  @Test
  void an_interrupt_ends_a_call_at_once() throws Exception {
    CountDownLatch never = new CountDownLatch(1);
    CountDownLatch asked = new CountDownLatch(1);
    RawServer server =
        server((out, n) -> {
          asked.countDown();
          hang(never);
        });
    HttpTool tool = tool(Method.POST, "http://a.example:" + server.port() + "/");
    CompletableFuture<Throwable> ended = new CompletableFuture<>();
    Thread thread =
        Thread.ofVirtual()
            .start(() -> {
              try {
                call(tool, "{\"id\":\"7\"}");
              } catch (ToolException | InterruptedException e) {
                ended.complete(e);
              }
            });
    assertThat(asked.await(30, TimeUnit.SECONDS)).isTrue();
    thread.interrupt();
    assertThat(ended.get(30, TimeUnit.SECONDS)).isInstanceOf(InterruptedException.class);
    never.countDown();
  }

  private static void hang(CountDownLatch until) throws IOException {
    try {
      until.await();
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  @Test
  void an_answer_without_end_is_not_read_to_it() throws Exception {
    RawServer server =
        server((out, n) -> {
          out.write("HTTP/1.1 200 OK\r\n\r\n".getBytes(StandardCharsets.UTF_8));
          byte[] some = new byte[64 * 1024];
          while (true) {
            out.write(some);
          }
        });
    HttpTool reads = tool(Method.GET, "http://a.example:" + server.port() + "/");
    assertThat(failure(reads)).hasMessageContaining("more than 1000 bytes. Ask for less.");
    effect = Effect.UNSAFE;
    HttpTool acts = tool(Method.POST, "http://a.example:" + server.port() + "/");
    assertThat(call(acts, "{\"id\":\"7\"}").asText()).startsWith("Done. The answer");
  }

  @ParameterizedTest
  @ValueSource(strings = {"{\"a\":", "{\"a\":1e999}", "{\"a\":1,\"a\":2}", "<html>"})
  void an_answer_that_only_calls_itself_JSON_is_text(String body) throws Exception {
    RawServer server = answers("200 OK", "Content-Type: application/json\r\n", body);
    JsonNode out =
        call(tool(Method.GET, "http://a.example:" + server.port() + "/"), "{\"id\":\"7\"}");
    assertThat(out.path("text").asText()).isEqualTo(body);
    assertThat(out.path("note").asText()).contains("none");
  }

  @Test
  void a_redirect_takes_no_secret_to_another_origin() throws Exception {
    RawServer other = answers("200 OK", "", "there");
    RawServer first =
        server((out, n) ->
            write(
                out,
                "302 Found",
                n == 1
                    ? "Location: /again\r\n"
                    : "Location: http://b.example:" + other.port() + "/x\r\n",
                ""));
    HttpTool tool =
        tool(Method.GET, "http://a.example:" + first.port() + "/", "X-Key: ${env:SHOP_TOKEN}");
    assertThat(call(tool, "{\"id\":\"7\"}").asText()).isEqualTo("there");
    assertThat(first.requests().get(1)).startsWith("GET /again ").contains("s3cret-token");
    assertThat(other.requests().getFirst()).startsWith("GET /x ").doesNotContain("s3cret-token");
  }

  @Test
  void redirects_have_an_end_and_are_for_GET_only() throws Exception {
    RawServer server = answers("307 Temporary", "Location: /again\r\n", "");
    String url = "http://a.example:" + server.port() + "/";
    assertThat(failure(tool(Method.GET, url))).hasMessageContaining("more than 3 times");
    assertThat(server.requests()).hasSize(4);
    assertThat(failure(tool(Method.POST, url))).hasMessageContaining("which only a GET follows");
    assertThat(server.requests()).hasSize(5);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "file:///etc/passwd",
        "ftp://b.example/",
        "http://user:pw@b.example/",
        "http://[broken",
        "gopher://127.0.0.1:70/"
      })
  void a_redirect_leads_to_http_or_nowhere(String location) throws Exception {
    RawServer server = answers("302 Found", "Location: " + location + "\r\n", "");
    assertThat(failure(tool(Method.GET, "http://a.example:" + server.port() + "/")))
        .hasMessageContaining("redirected to where no tool may go");
  }

  @Test
  void a_forbidden_address_is_not_connected_to_neither_at_first_nor_by_a_redirect()
      throws Exception {
    RawServer inner = answers("200 OK", "", "secret");
    String to = "http://inner.example:" + inner.port() + "/";
    Addresses names =
        host ->
            List.of(InetAddress.getByName(host.startsWith("inner") ? "127.0.0.1" : "127.0.0.2"));
    Transport guarded = transport(names, "127.0.0.2");
    assertThat(failure(tool(guarded, Method.GET, to)))
        .hasMessageContaining("may not be called")
        .hasMessageContaining("inner.example")
        .matches(e -> !unknown(e));
    RawServer outer =
        RawServer.on(
            new ServerSocket(0, 50, InetAddress.getByName("127.0.0.2")),
            (out, n) -> write(out, "302 Found", "Location: " + to + "\r\n", ""));
    open.add(outer);
    assertThat(failure(tool(guarded, Method.GET, "http://outer.example:" + outer.port() + "/")))
        .hasMessageContaining("may not be called");
    assertThat(outer.requests()).hasSize(1);
    assertThat(inner.connections()).isZero();
  }

  @Test
  void a_name_that_changes_its_mind_leads_to_the_address_that_was_checked() throws Exception {
    RawServer good =
        RawServer.on(
            new ServerSocket(Ports.free(), 50, InetAddress.getByName("127.0.0.2")),
            (out, n) -> write(out, "200 OK", "", "good"));
    open.add(good);
    RawServer bad =
        RawServer.on(
            new ServerSocket(good.port(), 50, InetAddress.getLoopbackAddress()),
            (out, n) -> write(out, "200 OK", "", "bad"));
    open.add(bad);
    AtomicInteger lookups = new AtomicInteger();
    Addresses rebinding =
        host ->
            List.of(
                InetAddress.getByName(lookups.getAndIncrement() == 0 ? "127.0.0.2" : "127.0.0.1"));
    HttpTool tool =
        tool(
            transport(rebinding, "127.0.0.2"),
            Method.GET,
            "http://rebind.example:" + good.port() + "/");
    assertThat(call(tool, "{\"id\":\"7\"}").asText()).isEqualTo("good");
    assertThat(lookups).hasValue(1);
    assertThat(failure(tool)).hasMessageContaining("may not be called");
    assertThat(bad.connections()).isZero();
  }
}
