package dev.perdure.bench;

import io.helidon.http.HeaderNames;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

/**
 * What many backends do instead of Perdure: pass the provider's stream through and keep nothing.
 * The same HTTP server, the JDK's HTTP client, a virtual thread for each reply, no parsing: bytes
 * are written on as they come. The least that a Java backend can cost, for comparison.
 */
final class PlainProxy {
  private static final int BUFFER_BYTES = 8192;
  private static final Duration CONNECT = Duration.ofSeconds(10);

  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(CONNECT).build();
  private final URI upstream;

  private PlainProxy(URI upstream) {
    this.upstream = upstream;
  }

  public static void main(String[] args) {
    PlainProxy proxy = new PlainProxy(URI.create(args[0] + "/v1/chat/completions"));
    WebServer server =
        WebServer.builder()
            .address(InetAddress.getLoopbackAddress())
            .port(0)
            .routing(routing -> routing.post("/v1/chat/completions", proxy::relay))
            .build()
            .start();
    System.out.println("The proxy is ready at http://127.0.0.1:" + server.port());
  }

  private void relay(ServerRequest request, ServerResponse response)
      throws IOException, InterruptedException {
    HttpRequest call =
        HttpRequest.newBuilder(upstream)
            .header("Content-Type", "application/json")
            .header("Authorization", "Bearer bench")
            .POST(HttpRequest.BodyPublishers.ofByteArray(request.content().as(byte[].class)))
            .build();
    HttpResponse<InputStream> reply = client.send(call, HttpResponse.BodyHandlers.ofInputStream());
    response.status(reply.statusCode());
    response.header(HeaderNames.CONTENT_TYPE, "text/event-stream");
    response.header(HeaderNames.CACHE_CONTROL, "no-cache");
    byte[] buffer = new byte[BUFFER_BYTES];
    try (InputStream in = reply.body();
        OutputStream out = response.outputStream()) {
      for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
        out.write(buffer, 0, count);
        out.flush();
      }
    }
  }
}
