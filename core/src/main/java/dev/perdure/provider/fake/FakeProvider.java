package dev.perdure.provider.fake;

import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.time.InstantSource;
import java.util.concurrent.CountDownLatch;

/** The fake provider as a command: {@code fake-provider [--port N] [--host ADDRESS]}. */
public final class FakeProvider {
  private static final int DEFAULT_PORT = 9797;

  private FakeProvider() {}

  /**
   * Runs until the process ends.
   *
   * @return the exit status, if it could not start
   */
  public static int run(String[] args, InstantSource clock, PrintStream out, PrintStream err)
      throws InterruptedException {
    int port = DEFAULT_PORT;
    String host = InetAddress.getLoopbackAddress().getHostAddress();
    try {
      for (int i = 0; i < args.length; i += 2) {
        String value = i + 1 < args.length ? args[i + 1] : "";
        switch (args[i]) {
          case "--port" -> port = Integer.parseInt(value);
          case "--host" -> host = value;
          default -> {
            err.println(
                "'" + args[i] + "' is not an option; there are --port N and --host ADDRESS.");
            return 2;
          }
        }
      }
      try (FakeProviderServer server =
          new FakeProviderServer(InetAddress.getByName(host), port, clock)) {
        out.println("fake-provider listening on " + server.uri());
        out.flush();
        new CountDownLatch(1).await();
      }
      return 0;
    } catch (IllegalArgumentException e) {
      err.println("The port must be a number from 0 to 65535. " + e.getMessage());
      return 2;
    } catch (IOException e) {
      err.println(
          "fake-provider cannot listen on "
              + host
              + ":"
              + port
              + ": "
              + e.getMessage()
              + ". Choose another one by --port.");
      return 1;
    }
  }
}
