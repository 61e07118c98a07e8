package dev.perdure.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.chat.Caller;
import dev.perdure.protocol.Json;
import dev.perdure.server.auth.ApiKeys;
import dev.perdure.server.auth.Authenticator;
import dev.perdure.server.auth.StreamTokens;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * WebSockets byte for byte, by a client that need not be decent; the door is that of the AI SDK.
 */
class WebSocketTest {
  private static final HttpLimits QUICK =
      new HttpLimits(
          new HttpLimits.Body(64 * 1024, 200_000, 64, 65_536, 200, 8, 8, Duration.ofMillis(600)),
          HttpLimits.Page.DEFAULT,
          new HttpLimits.Stream(
              4,
              50,
              Duration.ofMillis(300),
              Duration.ofSeconds(1),
              Duration.ofSeconds(5),
              Duration.ofHours(24),
              Duration.ofSeconds(60)),
          new HttpLimits.Socket(
              20_000,
              20_000,
              4096,
              Duration.ofMillis(600),
              Duration.ofSeconds(15),
              Duration.ofMinutes(5),
              32 * 1024,
              16 * 1024));

  @TempDir Path data;
  private Door door;

  @BeforeEach
  void open() {
    door = new Door(data, QUICK);
  }

  @AfterEach
  void close() {
    door.close();
  }

  /** One connection. */
  private final class Client implements AutoCloseable {
    private final Socket socket = new Socket();
    private final DataInputStream in;
    private final String head;

    Client(String... headers) throws IOException {
      this("/api/chat", headers);
    }

    Client(String path, String[] headers) throws IOException {
      socket.setReceiveBufferSize(4096);
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), door.http.port()));
      socket.setSoTimeout((int) Door.PATIENCE.toMillis());
      in = new DataInputStream(socket.getInputStream());
      StringBuilder request = new StringBuilder("GET " + path + " HTTP/1.1\r\n");
      List<String> all = new ArrayList<>(List.of(headers));
      for (String usual :
          List.of(
              "Host: 127.0.0.1:" + door.http.port(),
              "Connection: keep-alive, Upgrade",
              "Upgrade: websocket",
              "Sec-WebSocket-Version: 13",
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")) {
        String name = usual.substring(0, usual.indexOf(':') + 1);
        if (all.stream().noneMatch(header -> header.startsWith(name))) {
          all.add(usual);
        }
      }
      all.forEach(header -> request.append(header).append("\r\n"));
      socket.getOutputStream().write(request.append("\r\n").toString().getBytes(UTF_8));
      StringBuilder read = new StringBuilder();
      while (read.indexOf("\r\n\r\n") < 0) {
        read.append((char) in.readUnsignedByte());
      }
      head = read.toString();
    }

    int status() {
      return Integer.parseInt(head.split(" ", 3)[1]);
    }

    Client send(int first, byte[] payload) throws IOException {
      ByteArrayOutputStream frame = new ByteArrayOutputStream();
      frame.write(first);
      if (payload.length < 126) {
        frame.write(0x80 | payload.length);
      } else {
        frame.write(0x80 | 127);
        for (int shift = 56; shift >= 0; shift -= 8) {
          frame.write((int) ((long) payload.length >>> shift));
        }
      }
      byte[] key = {1, 2, 3, 4};
      frame.writeBytes(key);
      for (int i = 0; i < payload.length; i++) {
        frame.write(payload[i] ^ key[i & 3]);
      }
      return sendRaw(frame.toByteArray());
    }

    Client sendRaw(byte[] bytes) throws IOException {
      socket.getOutputStream().write(bytes);
      return this;
    }

    Client say(String json) throws IOException {
      return send(0x81, json.getBytes(UTF_8));
    }

    /** The next frame that is no ping: its first byte, and its payload. */
    Frame frame() throws IOException {
      while (true) {
        int first = in.readUnsignedByte();
        long length = in.readUnsignedByte();
        length = length == 126 ? in.readUnsignedShort() : length == 127 ? in.readLong() : length;
        byte[] payload = in.readNBytes((int) length);
        if (first != 0x89) {
          return new Frame(first, payload);
        }
        send(0x8a, payload);
      }
    }

    JsonNode message() throws IOException {
      Frame frame = frame();
      assertThat(frame.first).isEqualTo(0x81);
      return Json.MAPPER.readTree(frame.payload);
    }

    /** The code with which the server closes, behind whatever else it had to say. */
    int closed() throws IOException {
      Frame frame = frame();
      while (frame.first == 0x81) {
        frame = frame();
      }
      assertThat(frame.first).isEqualTo(0x88);
      try {
        assertThat(in.read()).isEqualTo(-1);
      } catch (IOException e) {
        // What it had not read made a reset of its end.
        assertThat(e).isNotInstanceOf(java.net.SocketTimeoutException.class);
      }
      return (frame.payload[0] & 0xff) << 8 | (frame.payload[1] & 0xff);
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  /** A frame that has come. */
  private static final class Frame {
    private final int first;
    private final byte[] payload;

    private Frame(int first, byte[] payload) {
      this.first = first;
      this.payload = payload;
    }
  }

  private static String sending(String requestId, String chat, String text) {
    ObjectNode json = Json.MAPPER.createObjectNode();
    json.put("type", "send").put("requestId", requestId).put("id", chat);
    json.put("trigger", "submit-message").putObject("headers");
    json.putObject("body").put("model", "hand/a");
    ObjectNode message = json.putArray("messages").addObject();
    message.put("id", "m-" + chat + "-" + requestId).put("role", "user");
    message.putArray("parts").addObject().put("type", "text").put("text", text);
    return json.toString();
  }

  private void awaitPlaces(int places) {
    await(() -> door.meters.get("perdure.stream.open").gauge().value() == places);
  }

  private static void await(BooleanSupplier condition) {
    long deadline = System.nanoTime() + Door.PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  @Test
  void the_handshake_is_that_of_the_rfc() throws Exception {
    try (Client client = new Client()) {
      assertThat(client.status()).isEqualTo(101);
      assertThat(client.head).contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
    }
    awaitPlaces(0);
  }

  @ParameterizedTest
  @CsvSource({
    "Sec-WebSocket-Version: 8, 400",
    "Sec-WebSocket-Key: c2hvcnQ=, 400",
    "Sec-WebSocket-Key: ****, 400",
    "Upgrade: something, 400",
    "Connection: keep-alive, 400",
    "Origin: http://evil.example, 403",
    "Sec-Fetch-Site: cross-site, 403",
    "Host: evil.example, 403"
  })
  void what_is_no_handshake_or_from_another_site_is_refused(String header, int status)
      throws Exception {
    try (Client client = new Client(header)) {
      assertThat(client.status()).isEqualTo(status);
    }
    awaitPlaces(0);
  }

  @Test
  void a_page_of_the_server_itself_may_open_one() throws Exception {
    try (Client client = new Client("Origin: http://127.0.0.1:" + door.http.port())) {
      assertThat(client.status()).isEqualTo(101);
    }
  }

  @Test
  void a_reply_is_streamed_in_numbered_chunks() throws Exception {
    try (Client client = new Client()) {
      client.say(sending("r1", "chat", "hello"));
      door.provider.call().say("one ").say("two").finish();
      long sequence = 0;
      JsonNode message = client.message();
      StringBuilder text = new StringBuilder();
      for (; message.path("type").asText().equals("chunk"); message = client.message()) {
        assertThat(message.path("sequence").asLong()).isEqualTo(sequence++);
        text.append(message.path("chunk").path("delta").asText());
      }
      assertThat(message.toString()).isEqualTo("{\"type\":\"end\",\"requestId\":\"r1\"}");
      assertThat(text.toString()).isEqualTo("one two");
    }
  }

  @Test
  void a_message_may_come_in_pieces_cut_anywhere_with_pings_between() throws Exception {
    try (Client client = new Client()) {
      byte[] message = sending("r1", "chät", "héllo").getBytes(UTF_8);
      for (int at = 0; at < message.length; at += 7) {
        int end = Math.min(at + 7, message.length);
        int first = (at == 0 ? 1 : 0) | (end == message.length ? 0x80 : 0);
        client.send(first, Arrays.copyOfRange(message, at, end));
        if (at == 14) {
          client.send(0x89, new byte[] {42});
        }
      }
      assertThat(client.frame())
          .satisfies(pong -> {
            assertThat(pong.first).isEqualTo(0x8a);
            assertThat(pong.payload).containsExactly(42);
          });
      HandProvider.Call call = door.provider.call();
      assertThat(call.request.toString()).contains("héllo");
      call.finish();
      assertThat(client.message().path("chunk").path("type").asText()).isEqualTo("start");
    }
  }

  @Test
  void what_breaks_the_protocol_closes_the_connection_with_its_reason() throws Exception {
    byte[] unmasked = {(byte) 0x81, 1, 'x'};
    byte[] huge = {(byte) 0x81, (byte) 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0};
    byte[] negative = {(byte) 0x81, (byte) 0xff, -1, 0, 0, 0, 0, 0, 0, 0};
    assertThat(closing(client -> client.sendRaw(unmasked))).isEqualTo(1002);
    assertThat(closing(client -> client.sendRaw(huge))).isEqualTo(1009);
    assertThat(closing(client -> client.sendRaw(negative))).isEqualTo(1009);
    assertThat(closing(client -> client.send(0xc1, new byte[1]))).isEqualTo(1002);
    assertThat(closing(client -> client.send(0x80, new byte[1]))).isEqualTo(1002);
    assertThat(closing(client -> client.send(0x01, new byte[1]).send(0x81, new byte[1])))
        .isEqualTo(1002);
    assertThat(closing(client -> client.send(0x09, new byte[1]))).isEqualTo(1002);
    assertThat(closing(client -> client.send(0x89, new byte[126]))).isEqualTo(1002);
    assertThat(closing(client -> client.send(0x82, new byte[1]))).isEqualTo(1003);
    assertThat(closing(client -> client.send(0x83, new byte[1]))).isEqualTo(1002);
    assertThat(closing(client -> client.say("not json"))).isEqualTo(1008);
    assertThat(closing(client -> client.say("{\"type\":\"dance\",\"requestId\":\"r\"}")))
        .isEqualTo(1008);
    assertThat(closing(client -> client.say("{\"type\":\"send\"}"))).isEqualTo(1008);
    assertThat(closing(client -> client.send(0x81, new byte[] {'"', (byte) 0xff, '"'})))
        .isEqualTo(1008);
    assertThat(
            closing(client -> {
              client.send(0x01, new byte[0]);
              for (int i = 0; i < 2000; i++) {
                client.send(0x00, new byte[0]);
              }
              return client;
            }))
        .isEqualTo(1008);
    assertThat(closing(client -> client.send(0x88, new byte[0]))).isEqualTo(1001);
    awaitPlaces(0);
  }

  /** Something that a client does. */
  @FunctionalInterface
  private interface Act {
    Client on(Client client) throws IOException;
  }

  private int closing(Act act) throws IOException {
    try (Client client = new Client()) {
      try {
        act.on(client);
      } catch (IOException e) {
        // It was closed in the midst of it.
        return client.closed();
      }
      return client.closed();
    }
  }

  @Test
  void what_is_refused_is_an_error_of_its_request_and_of_no_other() throws Exception {
    try (Client client = new Client()) {
      client.say(sending("r1", "chat", " "));
      JsonNode refused = client.message();
      assertThat(refused.path("type").asText()).isEqualTo("error");
      assertThat(refused.path("requestId").asText()).isEqualTo("r1");
      assertThat(refused.path("errorText").asText()).contains("blank");
      client.say("{\"type\":\"resume\",\"requestId\":\"r2\",\"id\":\"nobody's\"}");
      assertThat(client.message().path("type").asText()).isEqualTo("no-active");
    }
  }

  @Test
  void an_abort_ends_the_stream_and_not_the_reply() throws Exception {
    try (Client client = new Client()) {
      client.say(sending("r1", "chat", "hello"));
      HandProvider.Call call = door.provider.call();
      call.say("one ");
      awaitText(client, "one ");
      client.say("{\"type\":\"abort\",\"requestId\":\"r1\"}");
      awaitPlaces(1);
      call.say("two").finish();
      client.say("{\"type\":\"resume\",\"requestId\":\"r2\",\"id\":\"chat\"}");
      assertThat(client.message().path("type").asText()).isEqualTo("start");
      awaitText(client, "two");
    }
  }

  private static void awaitText(Client client, String text) throws IOException {
    String delta = "";
    while (!delta.contains(text)) {
      delta = client.message().path("chunk").path("delta").asText();
    }
  }

  @Test
  void a_caller_has_no_more_streams_than_by_http() throws Exception {
    try (Client client = new Client()) {
      for (int i = 1; i < 4; i++) {
        client.say(sending("r" + i, "chat" + i, "hello"));
        HandProvider.Call call = door.provider.call();
        call.say("one");
        awaitText(client, "one");
      }
      client.say(sending("r4", "chat4", "hello"));
      assertThat(client.message().path("errorText").asText()).contains("4 streams open");
    }
    awaitPlaces(0);
  }

  @Test
  void a_message_that_does_not_arrive_gives_its_thread_back() throws Exception {
    try (Client client = new Client()) {
      client.sendRaw(new byte[] {(byte) 0x81});
      awaitPlaces(0);
    }
  }

  @Test
  void a_client_that_answers_no_ping_is_gone() throws Exception {
    try (Client _ = new Client()) {
      awaitPlaces(1);
      awaitPlaces(0);
    }
  }

  @Test
  void a_client_that_does_not_read_is_dropped_and_the_reply_goes_on() throws Exception {
    try (Client client = new Client()) {
      client.say(sending("r1", "chat", "hello"));
      HandProvider.Call call = door.provider.call();
      String block = "x".repeat(8 * 1024);
      for (int i = 0; i < 200; i++) {
        call.say(block);
      }
      awaitPlaces(0);
      call.finish();
    }
    // Loaded once the reply is over.
    String loaded = "";
    for (long end = System.nanoTime() + Door.PATIENCE.toNanos(); !loaded.contains("xxxx"); ) {
      assertThat(System.nanoTime()).isLessThan(end);
      loaded = door.get("/api/chat/chat/messages").text();
    }
    assertThat(loaded.length()).isGreaterThan(200 * 8 * 1024);
  }

  @Test
  void a_drain_says_come_again_and_never_that_a_reply_is_whole() throws Exception {
    try (Client idle = new Client();
        Client client = new Client()) {
      client.say(sending("r1", "chat", "hello"));
      door.provider.call().say("one");
      awaitText(client, "one");
      door.http.drain();
      assertThat(idle.closed()).isEqualTo(1012);
      Frame last = client.frame();
      while (last.first == 0x81) {
        assertThat(new String(last.payload, UTF_8)).doesNotContain("\"end\"");
        last = client.frame();
      }
      assertThat(last.payload).containsExactly(1012 >> 8, (byte) 1012);
      assertThat(client.in.read()).isEqualTo(-1);
    } catch (EOFException e) {
      throw new AssertionError("Cut without a word", e);
    }
    awaitPlaces(0);
  }

  @Test
  void a_token_opens_it_only_if_it_was_made_for_it(@TempDir Path other) throws Exception {
    door.close();
    StreamTokens tokens =
        new StreamTokens(
            "0123456789012345678901234567890123".getBytes(UTF_8),
            Duration.ofMinutes(1),
            InstantSource.system());
    Caller ann = new Caller("acme", "ann");
    door =
        new Door(
            other,
            QUICK,
            Authenticator.requiring(
                List.of(ApiKeys.parse("acme/ann:a-key-of-more-than-24-characters")), tokens, true),
            tokens,
            List.of());
    String bound = tokens.issue(ann, "/api/chat").token();
    assertThat(statusWith("?token=" + bound)).isEqualTo(101);
    assertThat(statusWith("?token=" + tokens.issue(ann, null).token())).isEqualTo(401);
    assertThat(statusWith("?token=" + tokens.issue(ann, "/v1/inbox").token())).isEqualTo(401);
    assertThat(statusWith("")).isEqualTo(401);
    assertThat(statusWith("", "Authorization: Bearer a-key-of-more-than-24-characters"))
        .isEqualTo(101);
    assertThat(door.get("/v1/inbox/events?token=" + bound).status()).isEqualTo(401);
    assertThat(door.post("/api/chat?token=" + bound, "{}").status()).isEqualTo(401);
  }

  private int statusWith(String query, String... headers) throws IOException {
    try (Client client = new Client("/api/chat" + query, headers)) {
      return client.status();
    }
  }
}
