package dev.perdure.protocol;

/**
 * Every way in which Perdure says no: the code on the wire, its HTTP status and whether the same
 * request may succeed later. One place, so that a door, a log line and a metric say the same.
 */
public enum ErrorCode {
  // What the caller can mend.
  INVALID_REQUEST("invalid_request", 400, false),
  INVALID_JSON("invalid_json", 400, false),
  INVALID_CURSOR("invalid_cursor", 400, false),
  UNKNOWN_MODEL("unknown_model", 400, false),
  UNAUTHENTICATED("unauthenticated", 401, false),
  FORBIDDEN("forbidden", 403, false),
  NOT_FOUND("not_found", 404, false),
  METHOD_NOT_ALLOWED("method_not_allowed", 405, false),
  SESSION_BUSY("session_busy", 409, true),
  IDEMPOTENCY_CONFLICT("idempotency_conflict", 409, false),
  CONFLICT("conflict", 409, false),
  EXPIRED("expired", 410, false),
  TOO_LARGE("too_large", 413, false),
  UNSUPPORTED_MEDIA_TYPE("unsupported_media_type", 415, false),
  TOO_MANY_TURNS("too_many_turns", 429, true),
  TOO_MANY_STREAMS("too_many_streams", 429, true),

  // What the operator can mend.
  CONFIG("config", 500, false),
  INTERNAL("internal", 500, true),
  DATABASE_UNAVAILABLE("database_unavailable", 503, true),
  DRAINING("draining", 503, true),
  SERVER_BUSY("server_busy", 503, true),

  // Why a turn or lane ended without a complete reply.
  PROVIDER_FAILED("provider_failed", 502, true),
  TURN_TIMEOUT("turn_timeout", 504, true),
  CRASH_LOOP("crash_loop", 500, false),
  CALL_LIMIT("call_limit", 502, false),
  STEP_LIMIT("step_limit", 500, false),
  TOKEN_LIMIT("token_limit", 500, false),
  INVALID_OUTPUT("invalid_output", 502, true),
  INTERRUPTED("interrupted", 500, true);

  private final String wire;
  private final int status;
  private final boolean retryable;

  ErrorCode(String wire, int status, boolean retryable) {
    this.wire = wire;
    this.status = status;
    this.retryable = retryable;
  }

  /** The code as clients see it, in snake case. */
  public String wire() {
    return wire;
  }

  /** The HTTP status of a problem with this code. */
  public int status() {
    return status;
  }

  /** Whether the same request may succeed later without being changed. */
  public boolean retryable() {
    return retryable;
  }
}
