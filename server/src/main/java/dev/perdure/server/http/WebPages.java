package dev.perdure.server.http;

import dev.perdure.protocol.PerdureException;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * The chat in the browser: one page at a few paths, and the files that it is made of, which the
 * build puts beside the classes. A path is a page because it is listed here, so that no other path
 * is ever shadowed by one. Thread-safe.
 *
 * <p>Names of files hold a hash of their content, so a browser may keep them for ever; the page
 * itself is asked for each time. What is read from the jar is kept, packed and not, as long as the
 * server runs: about 2 MB, bounded by what the jar holds.
 */
final class WebPages {
  /** Where the build puts {@code web/dist}. */
  private static final String FOLDER = "/dev/perdure/web/";

  private static final String HTML = "text/html; charset=utf-8";
  private static final Pattern FILE = Pattern.compile("[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}");
  private static final HeaderName CONTENT_SECURITY = HeaderNames.create("Content-Security-Policy");

  /**
   * No script and no style but our own files, no request but to this server: not even an image that
   * a model's words name is fetched, as its address could carry the conversation away.
   */
  private static final String POLICY =
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
          + " font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none';"
          + " form-action 'none'; frame-ancestors 'none'";

  private static final String NOT_BUILT =
      """
      <!doctype html>
      <html lang="en">
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width">
      <title>Perdure</title>
      <h1>Perdure is running. Its chat page is not in this build.</h1>
      <p>The page is built with Node 20 or newer and npm, which were not there when this server was
      built. Install them from <a href="https://nodejs.org">nodejs.org</a> or with your package
      manager, then start again: <code>./perdure start</code> builds the page by itself.</p>
      <p>Everything else works: <code>./perdure chat</code> talks to this server from the terminal,
      and the <a href="/v1/openapi.json">API</a> is complete.</p>
      </html>
      """;

  private static final Map<String, String> TYPES =
      Map.of(
          "js", "text/javascript; charset=utf-8",
          "css", "text/css; charset=utf-8",
          "svg", "image/svg+xml",
          "png", "image/png",
          "woff2", "font/woff2",
          "json", "application/json",
          "webmanifest", "application/manifest+json",
          "txt", "text/plain; charset=utf-8");

  private final Map<String, Content> contents = new ConcurrentHashMap<>();

  /**
   * A file.
   *
   * @param packed by gzip
   */
  @SuppressWarnings("ArrayRecordComponent") // Private, never compared and never changed.
  private record Content(byte[] plain, byte[] packed) {}

  List<Route> routes() {
    return List.of(
        new Route(Method.GET, "/chat", Route.Access.OPEN, this::page),
        new Route(Method.GET, "/chat/{session}", Route.Access.OPEN, this::page),
        new Route(Method.GET, "/shared", Route.Access.OPEN, this::page),
        new Route(Method.GET, "/operator", Route.Access.OPEN, this::page),
        new Route(Method.GET, "/favicon.svg", Route.Access.OPEN, this::fixed),
        new Route(Method.GET, "/assets/{file}", Route.Access.OPEN, this::asset));
  }

  /** The page, whatever its path: the script in it knows which one is meant. */
  void page(Exchange exchange) {
    exchange.header(HeaderNames.CACHE_CONTROL, "no-cache");
    exchange.header(CONTENT_SECURITY, POLICY);
    Optional<Content> index = content("index.html");
    if (index.isPresent()) {
      send(exchange, HTML, index.get());
    } else {
      exchange.send(200, HTML, NOT_BUILT.getBytes(StandardCharsets.UTF_8));
    }
  }

  private void fixed(Exchange exchange) {
    exchange.header(HeaderNames.CACHE_CONTROL, "public, max-age=3600");
    file(exchange, exchange.path().substring(1));
  }

  private void asset(Exchange exchange) {
    String file = exchange.variable("file");
    if (!FILE.matcher(file).matches()) {
      throw PerdureException.notFound("file", Text.shown(file));
    }
    exchange.header(HeaderNames.CACHE_CONTROL, "public, max-age=31536000, immutable");
    file(exchange, "assets/" + file);
  }

  private void file(Exchange exchange, String name) {
    @Nullable String type = TYPES.get(name.substring(name.lastIndexOf('.') + 1));
    Optional<Content> content = type == null ? Optional.empty() : content(name);
    if (type == null || content.isEmpty()) {
      exchange.header(HeaderNames.CACHE_CONTROL, "no-store");
      throw PerdureException.notFound("file", Text.shown(name));
    }
    send(exchange, type, content.get());
  }

  private static void send(Exchange exchange, String type, Content content) {
    exchange.header(HeaderNames.VARY, "Accept-Encoding");
    if (exchange.header(HeaderNames.ACCEPT_ENCODING).orElse("").contains("gzip")) {
      exchange.header(HeaderNames.CONTENT_ENCODING, "gzip");
      exchange.send(200, type, content.packed);
    } else {
      exchange.send(200, type, content.plain);
    }
  }

  /** Only names that are in the jar take room for good. */
  private Optional<Content> content(String name) {
    return Optional.ofNullable(contents.get(name))
        .or(() -> {
          Optional<Content> read = read(name);
          read.ifPresent(content -> contents.put(name, content));
          return read;
        });
  }

  private static Optional<Content> read(String name) {
    try (InputStream in = WebPages.class.getResourceAsStream(FOLDER + name)) {
      if (in == null) {
        return Optional.empty();
      }
      byte[] plain = in.readAllBytes();
      ByteArrayOutputStream packed = new ByteArrayOutputStream();
      try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
        gzip.write(plain);
      }
      return Optional.of(new Content(plain, packed.toByteArray()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
