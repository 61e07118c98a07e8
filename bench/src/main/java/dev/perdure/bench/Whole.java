package dev.perdure.bench;

import java.io.ByteArrayOutputStream;
import java.util.function.Consumer;

/** Collects a response that is short and ends. */
final class Whole implements HttpConnection.Response {
  /** Takes a whole response. */
  @FunctionalInterface
  interface Done {
    void response(int status, byte[] body);
  }

  private final ByteArrayOutputStream body = new ByteArrayOutputStream();
  private final Done done;
  private final Consumer<String> failed;

  Whole(Done done, Consumer<String> failed) {
    this.done = done;
    this.failed = failed;
  }

  @Override
  public void body(int status, byte[] bytes, int from, int to, long nowMicros) {
    body.write(bytes, from, to - from);
  }

  @Override
  public void end(int status) {
    done.response(status, body.toByteArray());
  }

  @Override
  public void failed(String why) {
    failed.accept(why);
  }
}
