package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.server.http.StallWatch.Guard;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class StallWatchTest {
  @Test
  void a_write_that_nobody_reads_ends_and_its_socket_is_closed() throws Exception {
    try (StallWatch watch = new StallWatch();
        ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        Socket reader = new Socket(listener.getInetAddress(), listener.getLocalPort());
        Socket writer = listener.accept()) {
      assertThat(reader.isConnected()).isTrue();
      CompletableFuture<Throwable> outcome = new CompletableFuture<>();
      Thread.ofVirtual()
          .start(() -> {
            try (Guard guard = watch.guard(Duration.ofMillis(1))) {
              while (true) {
                guard.enter();
                writer.getOutputStream().write(new byte[64 * 1024]);
                guard.leave();
              }
            } catch (IOException e) {
              outcome.complete(e);
            }
          });

      assertThat(outcome.get(30, TimeUnit.SECONDS)).isInstanceOf(IOException.class);
      assertThat(writer.isClosed()).isTrue();
    }
  }

  @Test
  void a_thread_that_is_not_at_it_is_left_alone() throws Exception {
    try (StallWatch watch = new StallWatch()) {
      CountDownLatch stalled = new CountDownLatch(1);
      CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
      Thread.ofVirtual()
          .start(() -> {
            try (Guard idle = watch.guard(Duration.ofMillis(1))) {
              idle.enter();
              idle.leave();
              interrupted.complete(!stalled.await(30, TimeUnit.SECONDS));
            } catch (InterruptedException e) {
              interrupted.complete(true);
            }
          });
      // A second guard, entered later, has been swept before the first one could be missed.
      Thread.ofVirtual()
          .start(() -> {
            try (Guard busy = watch.guard(Duration.ofMillis(500))) {
              busy.enter();
              new CountDownLatch(1).await();
            } catch (InterruptedException e) {
              stalled.countDown();
            }
          });

      assertThat(interrupted.get(60, TimeUnit.SECONDS)).isFalse();
    }
  }
}
