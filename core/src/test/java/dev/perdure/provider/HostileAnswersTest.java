package dev.perdure.provider;

import static dev.perdure.provider.ModelProviderContract.CLOCK;
import static dev.perdure.provider.ModelProviderContract.KEY;
import static dev.perdure.provider.ModelProviderContract.PATIENT;
import static dev.perdure.provider.ModelProviderContract.all;
import static dev.perdure.provider.ModelProviderContract.failure;
import static dev.perdure.provider.ModelProviderContract.request;
import static dev.perdure.provider.ModelProviderContract.text;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.protocol.PartKind;
import dev.perdure.provider.ModelRequest.Limits;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.TransportOptions;
import dev.perdure.provider.openai.OpenAiChatProvider;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Answers that no honest server gives: each ends bounded, and in a kind. */
class HostileAnswersTest {
  private static final String OK = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
  private static final String HELLO =
      """
      data: {"choices":[{"delta":{"content":"Hello"},"finish_reason":"stop"}]}

      data: [DONE]

      """;

  private final Transport transport = new Transport(TransportOptions.defaults(), CLOCK);

  @AfterEach
  void stop() {
    transport.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n: too long\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html></html>",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"choices\":[]}",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\ndata: nonsense\n\n",
        "HTTP/1.1 200 OK\r\n\r\ndata: []\n\n",
        "HTTP/1.1 200 OK\r\n\r\ndata: {} {}\n\n",
        "HTTP/1.1 200 OK\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"\\ud8\"}}]}\n\n",
      })
  void what_is_not_http_or_not_the_wire_is_malformed(String answer) throws IOException {
    assertThat(failed(answer).kind()).isEqualTo(Kind.MALFORMED);
  }

  @ParameterizedTest
  @CsvSource({
    "'HTTP/1.1 200 OK\r\nContent-Le', CONNECT",
    "'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ndata: x', TRUNCATED",
    "'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n: comm', TRUNCATED",
    "'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', TRUNCATED",
    "'HTTP/1.1 200 OK\r\n\r\n', TRUNCATED",
    "'', CONNECT",
  })
  void an_answer_that_breaks_off_has_its_kind(String answer, Kind kind) throws IOException {
    assertThat(failed(answer).kind()).isEqualTo(kind);
  }

  @Test
  void endless_headers_are_refused() throws IOException {
    assertEndless("HTTP/1.1 200 OK\r\n", "X-Header: " + "x".repeat(100) + "\r\n", Kind.MALFORMED);
  }

  @Test
  void an_endless_header_line_is_refused() throws IOException {
    assertEndless("HTTP/1.1 200 OK\r\nX: ", "x".repeat(1000), Kind.MALFORMED);
  }

  @Test
  void an_endless_line_of_the_stream_is_refused() throws IOException {
    assertEndless(OK + "\r\n", "x".repeat(65536), Kind.MALFORMED);
  }

  @Test
  void endless_arguments_of_a_call_are_refused() throws IOException {
    String piece =
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\","
            + "\"arguments\":\""
            + "x".repeat(50_000)
            + "\"}}]}}]}\n\n";
    assertEndless(OK + "\r\n", piece, Kind.MALFORMED);
  }

  @Test
  void endless_interim_answers_are_refused() throws IOException {
    assertEndless("", "HTTP/1.1 100 Continue\r\n\r\n", Kind.MALFORMED);
  }

  @Test
  void endless_comments_are_silence_before_the_first_token() throws IOException {
    Limits limits = new Limits(PATIENT.connect(), Duration.ofMillis(100), PATIENT.idle());
    try (RawServer server = endless(OK + "\r\n", ": ping\n\n")) {
      ProviderException e = failure(provider(server).open(request("hi", limits)));
      assertThat(e.kind()).isEqualTo(Kind.FIRST_TOKEN_TIMEOUT);
    }
  }

  @Test
  void endless_comments_after_the_first_token_are_silence_too() throws Exception {
    Limits limits = new Limits(PATIENT.connect(), Duration.ofMillis(300), Duration.ofMillis(200));
    String begun = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    try (RawServer server = endless(OK + "\r\n" + begun, ": ping\n\n");
        ModelStream stream = provider(server).open(request("hi", limits))) {
      assertThat(stream.next()).isInstanceOf(ModelEvent.Delta.class);
      ProviderException e = failure(stream);
      assertThat(e.kind()).isEqualTo(Kind.IDLE_TIMEOUT);
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void a_reader_that_takes_its_time_is_no_silence_of_the_provider() throws Exception {
    Limits limits = new Limits(PATIENT.connect(), Duration.ofSeconds(30), Duration.ofMillis(50));
    String begun = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    CountDownLatch read = new CountDownLatch(1);
    try (RawServer server =
            RawServer.keepingAlive((out, n) -> {
              out.write(ascii(OK + "\r\n" + begun));
              out.flush();
              await(read);
              out.write(
                  ascii(
                      """
                      data: {"choices":[{"delta":{},"finish_reason":"stop"}]}

                      data: [DONE]

                      """));
            });
        ModelStream stream = provider(server).open(request("hi", limits))) {
      assertThat(stream.next()).isInstanceOf(ModelEvent.Delta.class);
      // Many looks of the watchdog; not a wait for anything.
      Thread.sleep(500);
      read.countDown();
      ModelEvent last = null;
      for (ModelEvent event = stream.next(); event != null; event = stream.next()) {
        last = event;
      }
      assertThat(last).isInstanceOf(ModelEvent.Finished.class);
    }
  }

  @Test
  void of_an_endless_error_body_only_the_beginning_is_read() throws IOException {
    try (RawServer server = endless("HTTP/1.1 500 Oops\r\n\r\n", "bad ".repeat(1000))) {
      ProviderException e = failure(provider(server).open(request("hi", PATIENT)));
      assertThat(e.kind()).isEqualTo(Kind.SERVER);
      assertThat(e.getMessage()).contains("bad bad").hasSizeLessThan(700);
    }
  }

  @Test
  void an_error_body_that_does_not_end_does_not_hold_the_error_back() throws Exception {
    Limits limits = new Limits(PATIENT.connect(), Duration.ofSeconds(1), PATIENT.idle());
    try (RawServer server =
        RawServer.keepingAlive((out, n) ->
            out.write(ascii("HTTP/1.1 429 No\r\nContent-Length: 99\r\n\r\nslow down")))) {
      ProviderException e = failure(provider(server).open(request("hi", limits)));
      assertThat(e.kind()).isEqualTo(Kind.RATE_LIMITED);
      assertThat(e.getMessage()).contains("slow down");
    }
  }

  @Test
  void vendor_text_is_shown_on_one_line_without_the_key() throws IOException {
    ProviderException e =
        failed(
            "HTTP/1.1 401 No\r\n\r\n{\"error\":{\"message\":\"Bad key "
                + KEY
                + "\\r\\nX: \\u0000\\u001b[31m \\u202e end\"}}");
    assertThat(e.getMessage())
        .contains("Bad key *** X: [31m end")
        .doesNotContain(KEY)
        .doesNotContainPattern("\\p{Cntrl}");
  }

  @Test
  void the_key_is_masked_in_errors_inside_the_stream_too() throws IOException {
    ProviderException e =
        failed(OK + "\r\ndata: {\"error\":{\"message\":\"Key " + KEY + " is bad\"}}\n\n");
    assertThat(e.kind()).isEqualTo(Kind.STREAM_ERROR);
    assertThat(e.getMessage()).contains("***").doesNotContain(KEY);
  }

  @Test
  void a_page_of_html_is_not_shown() throws IOException {
    assertThat(failed("HTTP/1.1 502 Bad\r\n\r\n<html>nginx</html>").getMessage())
        .doesNotContain("nginx")
        .contains("502");
  }

  @Test
  void redirects_are_not_followed() throws IOException {
    ProviderException e =
        failed("HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n");
    assertThat(e.kind()).isEqualTo(Kind.INVALID);
    assertThat(e.getMessage()).contains("redirect").doesNotContain("evil");
  }

  @Test
  void an_error_with_status_200_is_an_error() throws IOException {
    ProviderException e =
        failed(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
                + "{\"error\":{\"message\":\"no\",\"type\":\"overloaded_error\"}}");
    assertThat(e.kind()).isEqualTo(Kind.OVERLOADED);
  }

  @Test
  void a_quota_that_is_used_up_is_not_worth_a_retry() throws IOException {
    ProviderException e =
        failed(
            "HTTP/1.1 429 No\r\n\r\n{\"error\":{\"message\":\"pay\",\"type\":\"insufficient_quota\"}}");
    assertThat(e.kind()).isEqualTo(Kind.AUTH);
    assertThat(e.status()).isEqualTo(429);
  }

  @ParameterizedTest
  @CsvSource({
    "retry-after: 7, 7000",
    "retry-after: 0.5, 500",
    "retry-after-ms: 120, 120",
    "'retry-after: 9\r\nretry-after-ms: 120', 120",
    "'retry-after: Tue, 14 Nov 2023 22:13:50 GMT', 30000",
    "'retry-after: Tue, 14 Nov 2000 22:13:50 GMT', 0",
    "retry-after: 999999999, 86400000",
  })
  void retry_after_is_read_in_all_its_forms(String header, long millis) throws IOException {
    assertThat(failed("HTTP/1.1 429 No\r\n" + header + "\r\n\r\n").retryAfter())
        .isEqualTo(Duration.ofMillis(millis));
  }

  @ParameterizedTest
  @ValueSource(strings = {"retry-after: soon", "retry-after: -1", "retry-after:", "x: 1"})
  void a_retry_after_that_says_nothing_is_none(String header) throws IOException {
    assertThat(failed("HTTP/1.1 429 No\r\n" + header + "\r\n\r\n").retryAfter()).isNull();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 103 Early Hints\nLink: x\n\nHTTP/1.1 200 OK\ncontent-type:text/event-stream\n\n",
      })
  void odd_but_honest_heads_are_understood(String head) throws Exception {
    try (RawServer server = RawServer.sending(head + HELLO)) {
      assertThat(text(all(provider(server).open(request("hi", PATIENT))), PartKind.TEXT))
          .isEqualTo("Hello");
    }
  }

  @Test
  void chunks_with_extensions_and_trailers_are_understood() throws Exception {
    String size = Integer.toHexString(HELLO.length()).toUpperCase(java.util.Locale.ROOT);
    try (RawServer server =
        RawServer.sending(
            OK
                + "Transfer-Encoding: chunked\r\n\r\n000"
                + size
                + ";a=b\r\n"
                + HELLO
                + "\r\n0\r\nTrailer: x\r\n\r\n")) {
      assertThat(text(all(provider(server).open(request("hi", PATIENT))), PartKind.TEXT))
          .isEqualTo("Hello");
    }
  }

  @Test
  void a_connection_found_closed_is_replaced_for_free() throws Exception {
    // Says that it keeps the connection, and does not.
    String answer = OK + "Content-Length: " + HELLO.length() + "\r\n\r\n" + HELLO;
    try (RawServer server = RawServer.sending(answer)) {
      OpenAiChatProvider provider = provider(server);
      all(provider.open(request("one", PATIENT)));
      assertThat(transport.idleConnections()).isEqualTo(1);
      all(provider.open(request("two", PATIENT)));
      assertThat(server.requests()).hasSize(2);
      assertThat(server.connections()).isEqualTo(2);
    }
  }

  @Test
  void a_fresh_connection_that_dies_is_not_tried_again() throws IOException {
    try (RawServer server = RawServer.sending("")) {
      assertThat(failure(provider(server).open(request("hi", PATIENT))).kind())
          .isEqualTo(Kind.CONNECT);
      assertThat(server.requests()).hasSize(1);
    }
  }

  @Test
  void an_answer_that_says_more_than_its_length_does_not_poison_the_next() throws Exception {
    String answer = OK + "Content-Length: " + HELLO.length() + "\r\n\r\n" + HELLO + "HTTP/1.1 500";
    try (RawServer server = RawServer.keepingAlive((out, n) -> out.write(ascii(answer)))) {
      OpenAiChatProvider provider = provider(server);
      all(provider.open(request("one", PATIENT)));
      all(provider.open(request("two", PATIENT)));
      assertThat(server.connections()).isEqualTo(2);
    }
  }

  @Test
  void extra_headers_are_sent_and_masked() throws IOException {
    try (RawServer server =
        RawServer.sending("HTTP/1.1 400 No\r\n\r\n{\"error\":\"got my-extra-secret\"}")) {
      ProviderSettings settings =
          new ProviderSettings(
              "name", server.uri(), new Secret(KEY), Map.of("X-Extra", "my-extra-secret"), 10);
      ProviderException e =
          failure(new OpenAiChatProvider(settings, transport).open(request("hi", PATIENT)));
      assertThat(e.getMessage()).doesNotContain("my-extra-secret");
      assertThat(server.requests().getFirst())
          .contains("\r\nX-Extra: my-extra-secret\r\n")
          .contains("\r\nAuthorization: Bearer " + KEY + "\r\n");
    }
  }

  @Test
  void settings_that_could_forge_a_request_are_refused() {
    for (String bad : List.of("", "a b", "a\r\nX: y", "ключ")) {
      org.assertj.core.api.Assertions.assertThatThrownBy(() -> new Secret(bad))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageNotContaining("X: y");
    }
    for (String bad : List.of("ftp://x/", "http:///x", "http://u:p@h/", "http://h/?q=1", "h")) {
      org.assertj.core.api.Assertions.assertThatThrownBy(
              () -> new ProviderSettings("name", java.net.URI.create(bad), null))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  private void assertEndless(String start, String rest, Kind kind) throws IOException {
    try (RawServer server = endless(start, rest)) {
      assertThat(failure(provider(server).open(request("hi", PATIENT))).kind()).isEqualTo(kind);
    }
  }

  private static RawServer endless(String start, String rest) throws IOException {
    return RawServer.answering((out, n) -> {
      out.write(ascii(start));
      forever(out, ascii(rest));
    });
  }

  /** Ends when the client has closed the connection. */
  @SuppressWarnings("InfiniteLoopStatement")
  private static void forever(OutputStream out, byte[] bytes) throws IOException {
    while (true) {
      out.write(bytes);
    }
  }

  private ProviderException failed(String answer) throws IOException {
    try (RawServer server = RawServer.sending(answer)) {
      return failure(provider(server).open(request("hi", PATIENT)));
    }
  }

  private OpenAiChatProvider provider(RawServer server) {
    return new OpenAiChatProvider(
        new ProviderSettings("name", server.uri(), new Secret(KEY)), transport);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
