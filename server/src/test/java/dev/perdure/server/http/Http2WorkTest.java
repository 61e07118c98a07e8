package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.Test;

class Http2WorkTest {
  private final Http2Work work = new Http2Work(6, 10);

  @Test
  void a_connection_has_its_bound_and_leaves_room_for_others() throws Exception {
    CountDownLatch end = new CountDownLatch(1);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      ExecutorService greedy = work.ofConnection(threads);
      for (int i = 0; i < 5; i++) {
        greedy.execute(() -> await(end));
      }
      assertThatThrownBy(() -> greedy.execute(() -> {}))
          .isInstanceOf(RejectedExecutionException.class);
      ExecutorService other = work.ofConnection(threads);
      Future<?> served = other.submit(() -> {});
      served.get();
      end.countDown();
    }
    assertThat(work.atWork()).isZero();
  }

  @Test
  void streams_and_failures_do_not_count() throws Exception {
    CountDownLatch end = new CountDownLatch(1);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      ExecutorService connection = work.ofConnection(threads);
      for (int i = 0; i < 50; i++) {
        CountDownLatch streaming = new CountDownLatch(1);
        connection.execute(() -> {
          Http2Work.becomesStream();
          streaming.countDown();
          await(end);
        });
        streaming.await();
      }
      for (int i = 0; i < 50; i++) {
        Future<?> failed =
            connection.submit(() -> {
              throw new IllegalStateException("on purpose");
            });
        assertThatThrownBy(failed::get).hasRootCauseMessage("on purpose");
        while (work.atWork() > 0) {
          Thread.onSpinWait();
        }
      }
      end.countDown();
    }
    assertThat(work.atWork()).isZero();
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
