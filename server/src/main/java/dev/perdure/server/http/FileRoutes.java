package dev.perdure.server.http;

import dev.perdure.file.Files;
import dev.perdure.file.Files.Added;
import dev.perdure.file.StoredFile;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.Semaphore;

/** Files of the caller. Thread-safe. */
final class FileRoutes {
  /** Longest name, in UTF-16 code units. */
  private static final int NAME_CHARS = 255;

  /** Bodies that are read at once on this node; a block of each is held in memory. */
  private static final int UPLOADS_AT_ONCE = 16;

  private static final HeaderName NO_SNIFF = HeaderNames.create("X-Content-Type-Options");
  private static final HeaderName POLICY = HeaderNames.create("Content-Security-Policy");

  private final Files files;
  private final Semaphore uploads = new Semaphore(UPLOADS_AT_ONCE);

  private final OpenStreams streams;

  FileRoutes(Files files, OpenStreams streams) {
    this.files = files;
    this.streams = streams;
  }

  List<Route> routes() {
    return List.of(
        new Route(Method.POST, "/v1/files", Route.Access.CALLER, this::add),
        new Route(Method.GET, "/v1/files/{file}", Route.Access.STREAM, this::content));
  }

  private void add(Exchange exchange) throws IOException {
    exchange.knownQuery("name");
    String claimed = exchange.header(HeaderNames.CONTENT_TYPE).orElse("");
    String name = exchange.query("name").map(String::strip).orElse("");
    if (name.isEmpty() || name.length() > NAME_CHARS) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "The query parameter 'name' is missing or longer than "
              + NAME_CHARS
              + " characters. Name the file, as in ?name=photo.jpg.");
    }
    if (exchange.request().headers().contentLength().orElse(0) > files.limits().bytes()) {
      throw new PerdureException(
          ErrorCode.TOO_LARGE,
          "The file has more than " + files.limits().bytes() + " bytes. Send less.");
    }
    if (!uploads.tryAcquire()) {
      throw new PerdureException(
          ErrorCode.SERVER_BUSY,
          UPLOADS_AT_ONCE + " files are being sent to this server. Try again in a moment.");
    }
    Added added;
    try {
      added = files.add(exchange.caller(), Text.line("name", name), claimed, exchange::piece);
    } finally {
      uploads.release();
    }
    exchange.header(HeaderNames.LOCATION, "/v1/files/" + added.file().id());
    exchange.sendJson(added.isNew() ? 201 : 200, Views.bytes(view(added.file())));
  }

  /** The bytes as they came, for saving: a browser must not take a stranger's file for a page. */
  private void content(Exchange exchange) throws IOException, InterruptedException {
    exchange.knownQuery("token");
    StoredFile file = files.get(exchange.caller(), exchange.id("file"));
    String name = URLEncoder.encode(file.name(), StandardCharsets.UTF_8).replace("+", "%20");
    exchange.header(HeaderNames.CONTENT_DISPOSITION, "attachment; filename*=UTF-8''" + name);
    exchange.header(NO_SNIFF, "nosniff");
    exchange.header(POLICY, "default-src 'none'; sandbox");
    exchange.header(HeaderNames.CACHE_CONTROL, "no-store");
    exchange.header(HeaderNames.CONTENT_LENGTH, Long.toString(file.size()));
    if (exchange.head()) {
      exchange.header(HeaderNames.CONTENT_TYPE, file.mediaType());
      exchange.sendEmpty(200);
      return;
    }
    OpenStreams.Place place = streams.take(exchange.caller());
    try {
      send(exchange, file);
    } finally {
      place.close();
    }
  }

  private void send(Exchange exchange, StoredFile file) throws IOException {
    OutputStream out = exchange.stream(200, file.mediaType());
    try (StallWatch.Guard guard =
        exchange.watch().guard(exchange.limits().socket().writeTimeout())) {
      byte[] block = files.block(exchange.caller(), file.id(), 0);
      for (int part = 1; block != null; part++) {
        guard.enter();
        out.write(block);
        guard.leave();
        block = files.block(exchange.caller(), file.id(), part);
      }
      guard.enter();
      out.close();
      guard.leave();
    }
  }

  private static Views.View view(StoredFile file) {
    return json -> {
      json.writeStartObject();
      json.writeStringField("id", file.id());
      json.writeStringField("name", file.name());
      json.writeStringField("mediaType", file.mediaType());
      json.writeNumberField("size", file.size());
      json.writeStringField("sha256", file.hash());
      json.writeNumberField("createdAt", file.createdAtMillis());
      json.writeEndObject();
    };
  }
}
