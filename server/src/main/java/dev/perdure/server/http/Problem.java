package dev.perdure.server.http;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.ByteArrayBuilder;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.PerdureException.Busy;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * A refusal as RFC 9457 has it. Immutable.
 *
 * <pre>
 *   {"type":"/problems/CODE","title":...,"status":...,"detail":...,"code":"CODE",
 *    "retryable":...,"instance":"/v1/...","messages":"/v1/sessions/ID/messages",
 *    "queue":{"length":...,"waitMillis":...}}
 * </pre>
 *
 * @param detail the value, the cause and the fix; for the caller's eyes
 * @param instance the path of the request, without its query, which may hold a token
 * @param messages where the messages are that outlived an expired log; null otherwise
 * @param busy figures of the queue, if that is the reason; null otherwise
 */
record Problem(
    ErrorCode code,
    String detail,
    @Nullable String instance,
    @Nullable String messages,
    @Nullable Busy busy) {
  static final String MEDIA_TYPE = "application/problem+json";

  /** After how many seconds a request that met a limit is worth another try. */
  static final int RETRY_AFTER_SECONDS = 2;

  Problem(ErrorCode code, String detail, @Nullable String instance) {
    this(code, detail, instance, null, null);
  }

  static Problem of(PerdureException e, String instance) {
    @Nullable String message = e.getMessage();
    return new Problem(e.code(), message == null ? "" : message, instance, null, e.busy());
  }

  /** The {@code Retry-After} of statuses that have one. */
  long retryAfterSeconds() {
    return busy == null ? RETRY_AFTER_SECONDS : Math.max(1, busy.retryAfter().toSeconds());
  }

  byte[] json() {
    try (ByteArrayBuilder out = new ByteArrayBuilder(512);
        JsonGenerator json = Json.MAPPER.getFactory().createGenerator(out)) {
      json.writeStartObject();
      json.writeStringField("type", "/problems/" + code.wire());
      json.writeStringField("title", title(code));
      json.writeNumberField("status", code.status());
      json.writeStringField("detail", Text.wellFormed(detail));
      json.writeStringField("code", code.wire());
      json.writeBooleanField("retryable", code.retryable());
      if (instance != null) {
        json.writeStringField("instance", Text.wellFormed(instance));
      }
      if (messages != null) {
        json.writeStringField("messages", messages);
      }
      if (busy != null) {
        json.writeObjectFieldStart("queue");
        json.writeNumberField("length", busy.queued());
        json.writeNumberField("waitMillis", busy.waitMillis());
        json.writeEndObject();
      }
      json.writeEndObject();
      json.flush();
      return out.toByteArray();
    } catch (IOException e) {
      throw new IllegalStateException("A problem that cannot be written: " + code, e);
    }
  }

  /** What all problems of a code have in common. */
  static String title(ErrorCode code) {
    return switch (code) {
      case INVALID_REQUEST -> "The request is not valid";
      case INVALID_JSON -> "The body is not valid JSON";
      case INVALID_CURSOR -> "The cursor is not valid";
      case UNKNOWN_MODEL -> "The model is not known";
      case UNAUTHENTICATED -> "A valid credential is needed";
      case FORBIDDEN -> "This is not allowed from there";
      case NOT_FOUND -> "Not found";
      case METHOD_NOT_ALLOWED -> "The method is not allowed here";
      case SESSION_BUSY -> "The session is still answering";
      case IDEMPOTENCY_CONFLICT -> "The idempotency key was used for another request";
      case CONFLICT -> "The state does not allow this";
      case EXPIRED -> "The log has expired";
      case TOO_LARGE -> "The request is too large";
      case UNSUPPORTED_MEDIA_TYPE -> "The content type is not supported";
      case TOO_MANY_TURNS -> "Too many open turns";
      case TOO_MANY_STREAMS -> "Too many open streams";
      case CONFIG -> "The server is not configured for this";
      case INTERNAL -> "Internal error";
      case DATABASE_UNAVAILABLE -> "The database is not available";
      case SERVER_BUSY -> "The server is busy";
      case DRAINING -> "The server is shutting down";
      case PROVIDER_FAILED -> "The provider failed";
      case TURN_TIMEOUT -> "The turn took too long";
      case CRASH_LOOP -> "The turn crashed too often";
      case CALL_LIMIT -> "The reply took too many model calls";
      case STEP_LIMIT -> "The reply took too many steps";
      case TOKEN_LIMIT -> "The reply took too many tokens";
      case INVALID_OUTPUT -> "The reply does not have the form that was asked for";
      case INTERRUPTED -> "The turn was interrupted";
    };
  }
}
