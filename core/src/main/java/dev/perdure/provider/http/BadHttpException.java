package dev.perdure.provider.http;

import java.io.IOException;

/** An answer that is not HTTP/1.1 as this client allows it. The message continues "because ...". */
final class BadHttpException extends IOException {
  private static final long serialVersionUID = 1L;

  BadHttpException(String message) {
    super(message);
  }
}
