package dev.perdure.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class HttpConnectionTest {
  private static final long PATIENCE_MILLIS = 20_000;
  private static final String CHUNKED =
      "3\r\nabc\r\na;x=y\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";

  /** Answers the requests of one connection with these bytes, cut into pieces. */
  private static Thread server(ServerSocket listening, int pieceBytes, String... answers) {
    return Thread.ofVirtual()
        .start(() -> {
          try (Socket socket = listening.accept()) {
            socket.setTcpNoDelay(true);
            for (String answer : answers) {
              readHead(socket.getInputStream());
              byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
              for (int from = 0; from < bytes.length; from += pieceBytes) {
                int count = Math.min(pieceBytes, bytes.length - from);
                socket.getOutputStream().write(bytes, from, count);
              }
            }
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  private static void readHead(InputStream in) throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      head.append((char) in.read());
    }
  }

  private static List<String> ask(int pieceBytes, String... answers) throws Exception {
    List<String> seen = new ArrayList<>();
    try (ServerSocket listening = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
        ClientLoop loop = new ClientLoop()) {
      Thread server = server(listening, pieceBytes, answers);
      InetSocketAddress address =
          new InetSocketAddress(InetAddress.getLoopbackAddress(), listening.getLocalPort());
      HttpConnection connection = loop.connect(address);
      for (int i = 1; i <= answers.length; i++) {
        connection.send(
            "GET",
            "/",
            "",
            null,
            new Whole(
                (status, body) -> seen.add(status + " " + new String(body, StandardCharsets.UTF_8)),
                why -> seen.add("failed")));
        int wanted = i;
        assertThat(loop.run(() -> seen.size() == wanted, PATIENCE_MILLIS)).isTrue();
      }
      server.join();
    }
    return seen;
  }

  @Test
  void sized_chunked_and_empty_answers_follow_each_other_on_one_connection() throws Exception {
    String[] answers = {
      "HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKED,
      "HTTP/1.1 204 No Content\r\n\r\n",
    };

    for (int piece : new int[] {1, 2, 7, 1000}) {
      assertThat(ask(piece, answers))
          .as("pieces of %d bytes", piece)
          .containsExactly("202 hello", "200 abc0123456789", "204 ");
    }
  }

  @Test
  void an_answer_that_is_cut_short_fails() throws Exception {
    assertThat(ask(100, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"))
        .containsExactly("failed");
    assertThat(ask(100, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"))
        .containsExactly("failed");
  }
}
