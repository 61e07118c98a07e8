package dev.perdure.provider.http;

import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.ProviderSettings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.InstantSource;
import org.jspecify.annotations.Nullable;

/** Turns an answer that is no stream into a {@link ProviderException}, fit for clients. */
final class Refusal {
  private static final int MAX_TEXT_CHARS = 500;

  private final ProviderSettings settings;
  private final InstantSource clock;

  Refusal(ProviderSettings settings, InstantSource clock) {
    this.settings = settings;
    this.clock = clock;
  }

  ProviderException of(Head head, byte[] body) {
    int status = head.status();
    if (status >= 300 && status < 400) {
      return new ProviderException(
          Kind.INVALID,
          who()
              + " answered HTTP "
              + status
              + ", a redirect, which is not followed. Set its base URL to where it leads.",
          status,
          null,
          null);
    }
    VendorError error = read(body);
    Kind named = error.named();
    if (status < 300) {
      return noStream(head, error);
    }
    Duration wait = RetryAfter.of(head, clock);
    if (wait == null && error.retryAfter() != null) {
      wait = RetryAfter.bounded(error.retryAfter());
    }
    Kind kind = named != null ? named : Kind.ofStatus(status);
    String text =
        who() + " answered HTTP " + status + " (" + meaning(kind) + "): " + safe(error.said());
    return new ProviderException(kind, text, status, wait, null);
  }

  /** The same exception, with a text that is bounded, on one line, and without the key. */
  ProviderException clean(ProviderException e) {
    Duration wait = e.retryAfter();
    return new ProviderException(
        e.kind(),
        safe(e.getMessage()),
        e.status(),
        wait == null ? null : RetryAfter.bounded(wait),
        e.getCause());
  }

  private ProviderException noStream(Head head, VendorError error) {
    if (!error.said().equals(VendorError.NONE.said())) {
      return clean(error.inStream(settings.name()));
    }
    String type = head.header("content-type");
    return new ProviderException(
        Kind.MALFORMED,
        who()
            + " answered HTTP "
            + head.status()
            + " with "
            + (type == null ? "nothing" : "'" + safe(type) + "'")
            + " instead of an event stream. Check its base URL.",
        head.status(),
        null,
        null);
  }

  private static VendorError read(byte[] body) {
    try {
      return VendorError.of(ChunkJson.tree(body, body.length));
    } catch (IOException e) {
      String text = new String(body, StandardCharsets.UTF_8).strip();
      // A page of a proxy in between says nothing that is worth showing.
      return text.startsWith("<") ? VendorError.NONE : new VendorError(text, "", 0, null);
    }
  }

  private String who() {
    return "The provider '" + settings.name() + "'";
  }

  private static String meaning(Kind kind) {
    return switch (kind) {
      case RATE_LIMITED -> "rate limited";
      case OVERLOADED -> "overloaded";
      case AUTH -> "key or account refused";
      case INVALID -> "request refused";
      case CONTENT_FILTER -> "content refused";
      case SERVER,
          CONNECT,
          FIRST_TOKEN_TIMEOUT,
          IDLE_TIMEOUT,
          TRUNCATED,
          MALFORMED,
          STREAM_ERROR,
          CANCELLED,
          CIRCUIT_OPEN ->
          "failed";
    };
  }

  /** Vendor text that may be shown: the key masked, control characters gone, bounded. */
  String safe(@Nullable String text) {
    if (text == null) {
      return "";
    }
    String masked = settings.apiKey() == null ? text : settings.apiKey().maskIn(text);
    for (String value : settings.headers().values()) {
      masked = value.length() < 8 ? masked : masked.replace(value, "***");
    }
    StringBuilder safe = new StringBuilder();
    masked
        .codePoints()
        .limit(4L * MAX_TEXT_CHARS)
        .map(c -> visible(c) ? c : ' ')
        .forEach(safe::appendCodePoint);
    String line = safe.toString().replaceAll(" {2,}", " ").strip();
    return line.length() <= MAX_TEXT_CHARS
        ? line
        : line.substring(0, line.offsetByCodePoints(0, line.codePointCount(0, MAX_TEXT_CHARS) - 1))
            + "…";
  }

  private static boolean visible(int c) {
    int type = Character.getType(c);
    return type != Character.CONTROL
        && type != Character.FORMAT
        && type != Character.SURROGATE
        && type != Character.UNASSIGNED
        && type != Character.LINE_SEPARATOR
        && type != Character.PARAGRAPH_SEPARATOR;
  }
}
