package dev.perdure.server.http;

import static java.util.Objects.requireNonNull;

import dev.perdure.chat.Caller;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import io.helidon.common.uri.UriQuery;
import io.helidon.http.Header;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Method;
import io.helidon.http.Status;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One request and its answer: what handlers see of HTTP. Every value taken from the request is
 * checked here. Used by one thread; who has made a WebSocket of it may have others ask for the
 * caller, the limits and the watch.
 */
public final class Exchange {
  public static final String JSON = "application/json";
  private static final Pattern ID = Pattern.compile("[a-z]{1,8}_[0-9a-z]{26}");
  private static final Pattern NUMBER = Pattern.compile("-?[0-9]{1,18}");

  /** More than any id has. */
  static final int ID_CHARS = 64;

  /** Heartbeats after which a stream over HTTP/2 ends. */
  private static final int HTTP2_HEARTBEATS = 8;

  private static final int CURSOR_CHARS = 16 * 1024;
  private static final Header NO_STORE = HeaderValues.create(HeaderNames.CACHE_CONTROL, "no-store");

  private final ServerRequest request;
  private final ServerResponse response;
  private final StallWatch watch;
  private final HttpLimits limits;
  private final BiConsumer<Exchange, ErrorCode> refusals;
  private Map<String, String> variables = Map.of();
  private @Nullable Caller caller;
  private boolean streaming;
  private boolean closing;
  private Duration longestStream = Duration.ofDays(365);

  /**
   * @param refusals takes note of what is refused once the connection is not HTTP's any more
   */
  Exchange(
      ServerRequest request,
      ServerResponse response,
      StallWatch watch,
      HttpLimits limits,
      BiConsumer<Exchange, ErrorCode> refusals) {
    this.request = request;
    this.response = response;
    this.watch = watch;
    this.limits = limits;
    this.refusals = refusals;
  }

  void matched(Map<String, String> pathVariables, @Nullable Caller who) {
    variables = pathVariables;
    caller = who;
  }

  ServerRequest request() {
    return request;
  }

  Method method() {
    return request.prologue().method();
  }

  public boolean head() {
    return method().equals(Method.HEAD);
  }

  /**
   * How long an event stream may last, so that one whose client has left does not last for ever.
   *
   * <p>Over HTTP/1.1 a client that leaves closes the connection, and the next heartbeat fails. Over
   * HTTP/2 it resets the stream, of which Helidon 4.3.1 tells nobody: writes go on succeeding for
   * as long as the connection is there. So such a stream ends cleanly now and then, and whoever is
   * still there comes again with the cursor.
   */
  Duration streamAge() {
    Duration beats = limits.stream().heartbeat().multipliedBy(HTTP2_HEARTBEATS);
    return request.prologue().protocolVersion().startsWith("2")
            && beats.compareTo(longestStream) < 0
        ? beats
        : longestStream;
  }

  /** Has an event stream end, and its client come again, at least this often. */
  void endStreamAfter(Duration age) {
    longestStream = age;
  }

  /** The path as it came, without the query. */
  public String path() {
    return request.prologue().uriPath().rawPath();
  }

  public Caller caller() {
    return requireNonNull(caller, "a route without a caller has asked for it");
  }

  /** The caller, if one is known by now. */
  @Nullable Caller knownCaller() {
    return caller;
  }

  /** Where the connection comes from: the client, or a proxy in front. */
  String address() {
    return request.remotePeer().host();
  }

  HttpLimits limits() {
    return limits;
  }

  StallWatch watch() {
    return watch;
  }

  /** Counts and audits a refusal that is told in the words of a WebSocket. */
  public void refused(ErrorCode code) {
    refusals.accept(this, code);
  }

  // What was asked for.

  /** The id in a body; one that cannot be is answered like one that does not exist. */
  static String checkedId(String kind, String id) {
    if (!ID.matcher(id).matches()) {
      throw PerdureException.notFound(kind, Text.shown(id));
    }
    return id;
  }

  /** The id in the path; one that cannot be is answered like one that does not exist. */
  public String id(String kind) {
    return checkedId(kind, requireNonNull(variables.get(kind)));
  }

  int lane() {
    String lane = requireNonNull(variables.get("lane"));
    if (!lane.matches("[0-9]{1,4}")) {
      throw PerdureException.notFound("lane", Text.shown(lane));
    }
    return Integer.parseInt(lane);
  }

  public String variable(String name) {
    return requireNonNull(variables.get(name));
  }

  /**
   * A variable of the path that holds text of the client's own.
   *
   * @throws PerdureException INVALID_REQUEST if it is not percent-encoded UTF-8 of visible text
   */
  public String decoded(String name, int maxChars) {
    String text;
    try {
      text = URLDecoder.decode(variable(name).replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST, "The " + name + " id is not percent-encoded UTF-8.", e);
    }
    if (text.isBlank() || text.length() > maxChars || text.indexOf('\ufffd') >= 0) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "The " + name + " id must be text of 1 to " + maxChars + " characters.");
    }
    return Text.line(name, text);
  }

  /** Refuses query parameters that the route does not know, lest a typing error go unnoticed. */
  void knownQuery(String... known) {
    List<String> names = List.of(known);
    for (String name : query().names()) {
      if (!names.contains(name)) {
        throw new PerdureException(
            ErrorCode.INVALID_REQUEST,
            "The query parameter '"
                + Text.shown(name)
                + "' is not known."
                + Text.didYouMean(name, names)
                + (names.isEmpty()
                    ? " Send none."
                    : " Known are: " + String.join(", ", names) + "."));
      }
    }
  }

  /** A query parameter, given at most once. */
  public Optional<String> query(String name) {
    UriQuery query = query();
    if (!query.contains(name)) {
      return Optional.empty();
    }
    List<String> values;
    try {
      values = query.all(name);
    } catch (IllegalArgumentException e) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "The query parameter '" + name + "' is not percent-encoded UTF-8.",
          e);
    }
    return Optional.of(single("query parameter", name, values));
  }

  private UriQuery query() {
    return request.query();
  }

  /** A header, given at most once; empty if it is absent or blank. */
  public Optional<String> header(HeaderName name) {
    List<String> values = request.headers().all(name, List::of);
    return values.isEmpty()
        ? Optional.empty()
        : Optional.of(single("header", name.defaultCase(), values).strip())
            .filter(value -> !value.isEmpty());
  }

  private static String single(String what, String name, List<String> values) {
    if (values.size() != 1) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "The " + what + " '" + name + "' is given " + values.size() + " times. Give it once.");
    }
    if (values.getFirst().length() > CURSOR_CHARS) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST, "The " + what + " '" + name + "' is too long.");
    }
    return Text.line(name, values.getFirst());
  }

  public Optional<Long> queryNumber(String name, long min, long max) {
    return query(name).map(value -> number(ErrorCode.INVALID_REQUEST, name, value, min, max));
  }

  static long number(ErrorCode code, String name, String value, long min, long max) {
    long number = NUMBER.matcher(value).matches() ? Long.parseLong(value) : Long.MIN_VALUE;
    if (number < min || number > max) {
      throw new PerdureException(
          code,
          "'"
              + name
              + "' is '"
              + Text.shown(value)
              + "', which is not a whole number "
              + (max == Long.MAX_VALUE
                  ? "from " + min + " on."
                  : "from " + min + " to " + max + "."));
    }
    return number;
  }

  /** The items of a page that the request wants. */
  int pageSize() {
    HttpLimits.Page page = limits.page();
    return queryNumber("limit", 1, page.maxItems()).orElse((long) page.defaultItems()).intValue();
  }

  /** The seconds of the query parameter {@code wait}; zero without. */
  Duration queryWait() {
    return Duration.ofSeconds(
        queryNumber("wait", 0, limits.stream().maxWait().toSeconds()).orElse(0L));
  }

  /** The seconds of {@code Prefer: wait=N}, cut to the longest wait that there is. */
  public Optional<Duration> preferredWait() {
    return Prefer.waiting(request.headers().all(Prefer.NAME, List::of))
        .map(wait ->
            wait.compareTo(limits.stream().maxWait()) > 0 ? limits.stream().maxWait() : wait);
  }

  /** Whether the client would rather be told where the answer will be than wait for it. */
  public boolean prefersAsync() {
    return Prefer.async(request.headers().all(Prefer.NAME, List::of));
  }

  /** Whether the client asks for JSON and not for an event stream. */
  boolean wantsJson() {
    String accept =
        String.join(",", request.headers().all(HeaderNames.ACCEPT, List::of))
            .toLowerCase(Locale.ROOT);
    return accept.contains(JSON) && !accept.contains("text/event-stream");
  }

  /**
   * The whole body; empty if there is none.
   *
   * @throws PerdureException UNSUPPORTED_MEDIA_TYPE, TOO_LARGE
   */
  public byte[] body() throws IOException {
    return body(limits.body().bodyBytes());
  }

  /** The whole body, of which so many bytes are accepted. */
  public byte[] body(int most) throws IOException {
    byte[] body = upload(most);
    if (body.length > 0) {
      checkMediaType();
    }
    return body;
  }

  /**
   * The whole body, of whatever type; empty if there is none.
   *
   * @throws PerdureException TOO_LARGE
   */
  byte[] upload(int most) throws IOException {
    if (!request.content().hasEntity()) {
      return new byte[0];
    }
    if (request.headers().contentLength().orElse(0) > most) {
      throw tooLarge(most);
    }
    byte[] body = read(most + 1);
    if (body.length > most) {
      throw tooLarge(most);
    }
    return body;
  }

  /**
   * The next bytes of a body that is read piece by piece, as many as asked for unless they are the
   * last ones; none at the end. What comes before the last one must be whole pieces.
   *
   * @throws PerdureException INVALID_REQUEST if it is not encoded as HTTP has it
   */
  byte[] piece(int bytes) throws IOException {
    return request.content().hasEntity() ? read(bytes) : new byte[0];
  }

  private byte[] read(int most) throws IOException {
    try (StallWatch.Guard guard = watch.guard(limits.body().readTimeout())) {
      guard.enter();
      // Not closed: what is beyond is dealt with by discardBody.
      byte[] body = request.content().inputStream().readNBytes(most);
      guard.leave();
      return body;
    } catch (UncheckedIOException | CloseConnectionException e) {
      throw e;
    } catch (RuntimeException e) {
      // Helidon's word for chunks that are none, and for far too many of them.
      closeAfterwards();
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "The body is not encoded as HTTP has it, or is far too large. Send a Content-Length.",
          e);
    }
  }

  /**
   * Reads and forgets what the handler has not read of the body, so that the client comes to read
   * the answer. Helidon would do so itself, but with all the time in the world.
   */
  void discardBody() {
    if (closing
        || !request.content().hasEntity()
        || request.content().consumed()
        || !request.continueSent()) {
      return;
    }
    try (StallWatch.Guard guard = watch.guard(limits.body().readTimeout())) {
      guard.enter();
      request.content().consume();
      guard.leave();
    } catch (UncheckedIOException | CloseConnectionException e) {
      throw e;
    } catch (RuntimeException e) {
      closeAfterwards();
    }
  }

  /** Has the connection closed once the answer is sent. */
  void closeAfterwards() {
    if (!closing && request.prologue().protocolVersion().startsWith("1")) {
      closing = true;
      header(HeaderNames.CONNECTION, "close");
      response.whenSent(() -> {
        throw new CloseConnectionException("As said in the answer");
      });
    }
  }

  /** Does what the request says of its connection; Helidon leaves that to the client. */
  void heedConnection() {
    for (String value : request.headers().all(HeaderNames.CONNECTION, List::of)) {
      if (value.toLowerCase(Locale.ROOT).contains("close")) {
        closeAfterwards();
      }
    }
  }

  private static PerdureException tooLarge(int most) {
    return new PerdureException(
        ErrorCode.TOO_LARGE, "The body has more than " + most + " bytes. Send less.");
  }

  private void checkMediaType() {
    String type = header(HeaderNames.CONTENT_TYPE).orElse("").toLowerCase(Locale.ROOT);
    String essence = type.split(";", 2)[0].strip();
    boolean utf8 = !type.contains("charset") || type.contains("utf-8") || type.contains("utf8");
    if (!utf8 || !(essence.equals(JSON) || essence.equals("application/merge-patch+json"))) {
      throw new PerdureException(
          ErrorCode.UNSUPPORTED_MEDIA_TYPE,
          "The content type is '" + Text.shown(type) + "'. Send application/json in UTF-8.");
    }
  }

  // The answer.

  /** Takes back what was not sent yet; false if it is too late for another answer. */
  boolean begin() {
    return !response.isSent() && !streaming;
  }

  public void header(HeaderName name, String value) {
    response.header(HeaderValues.create(name, value));
  }

  public void sendJson(int status, byte[] body) {
    response.headers().setIfAbsent(NO_STORE);
    send(status, JSON, body);
  }

  public void sendEmpty(int status) {
    response.status(Status.create(status));
    guarded(response::send);
  }

  public void send(int status, String mediaType, byte[] body) {
    response.status(Status.create(status));
    header(HeaderNames.CONTENT_TYPE, mediaType);
    if (head()) {
      header(HeaderNames.CONTENT_LENGTH, Integer.toString(body.length));
      guarded(response::send);
    } else {
      guarded(() -> response.send(body));
    }
  }

  private void guarded(Runnable send) {
    try (StallWatch.Guard guard = watch.guard(limits.socket().writeTimeout())) {
      guard.enter();
      send.run();
      guard.leave();
    }
  }

  void send(Problem problem) {
    refusalHeaders(problem);
    send(problem.code().status(), Problem.MEDIA_TYPE, problem.json());
  }

  /** The headers that a refusal has in every protocol. */
  void refusalHeaders(Problem problem) {
    if (problem.code() == ErrorCode.UNAUTHENTICATED) {
      header(HeaderNames.WWW_AUTHENTICATE, "Bearer realm=\"perdure\"");
    }
    if (problem.code().status() == 429 || problem.code().status() == 503) {
      header(HeaderNames.RETRY_AFTER, Long.toString(problem.retryAfterSeconds()));
    }
    response.headers().setIfAbsent(NO_STORE);
  }

  /** Begins an answer whose length is not known; headers are set before. */
  OutputStream stream(int status, String mediaType) {
    response.status(Status.create(status));
    header(HeaderNames.CONTENT_TYPE, mediaType);
    streaming = true;
    return response.outputStream();
  }
}
