package dev.perdure.server.openai;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import org.jspecify.annotations.Nullable;

/**
 * A refusal in OpenAI's terms, where those say more than an error code of Perdure: which parameter,
 * and a code that clients look for.
 */
final class Refusal extends RuntimeException {
  private static final long serialVersionUID = 1L;

  final int status;
  final String code;
  final @Nullable String param;
  final String text;

  Refusal(int status, String code, @Nullable String param, String text) {
    super(text, null, false, false);
    this.status = status;
    this.code = code;
    this.param = param;
    this.text = text;
  }

  /** What it is in the terms of all doors, by which it is counted and audited. */
  PerdureException known() {
    ErrorCode kind =
        switch (status) {
          case 404 -> ErrorCode.NOT_FOUND;
          case 409 -> ErrorCode.CONFLICT;
          case 502 -> ErrorCode.PROVIDER_FAILED;
          default -> code.endsWith("_not_found") ? ErrorCode.NOT_FOUND : ErrorCode.INVALID_REQUEST;
        };
    return new PerdureException(kind, text, this);
  }

  static Refusal invalid(String param, String text) {
    return new Refusal(400, "invalid_value", param, text);
  }

  static Refusal unsupported(String param, String text) {
    return new Refusal(400, "unsupported_parameter", param, text);
  }
}
