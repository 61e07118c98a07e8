package dev.perdure.server.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.util.Locale;

/** Requests that no decent client would send, byte for byte. */
final class RawHttp {
  private static final int PATIENCE_MILLIS = 20_000;

  private RawHttp() {}

  /** What came back until the server closed the connection or the body was there. */
  record Reply(int status, String head, String body) {
    JsonNode json() throws IOException {
      return Json.MAPPER.readTree(body);
    }

    String header(String name) {
      for (String line : head.split("\r\n", -1)) {
        if (line.toLowerCase(Locale.ROOT).startsWith(name + ":")) {
          return line.substring(name.length() + 1).strip();
        }
      }
      return "";
    }
  }

  /** Sends the text, with CRLF for each line feed, and reads one answer. */
  static Reply send(int port, String request) throws IOException {
    return sendBytes(port, request.replace("\n", "\r\n").getBytes(ISO_8859_1));
  }

  static Reply sendBytes(int port, byte[] request) throws IOException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      socket.setSoTimeout(PATIENCE_MILLIS);
      try {
        socket.getOutputStream().write(request);
        socket.getOutputStream().flush();
      } catch (IOException e) {
        // Refused in the middle of it; the answer may be there all the same.
        return read(socket.getInputStream());
      }
      return read(socket.getInputStream());
    }
  }

  private static Reply read(InputStream in) throws IOException {
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    while (!head.toString(ISO_8859_1).endsWith("\r\n\r\n")) {
      int b = in.read();
      if (b < 0) {
        return new Reply(0, head.toString(ISO_8859_1), "");
      }
      head.write(b);
    }
    Reply reply = new Reply(0, head.toString(ISO_8859_1), "");
    int status = Integer.parseInt(reply.head.split(" ", 3)[1]);
    String length = reply.header("content-length");
    byte[] body = length.isEmpty() ? new byte[0] : in.readNBytes(Integer.parseInt(length));
    return new Reply(status, reply.head, new String(body, ISO_8859_1));
  }
}
