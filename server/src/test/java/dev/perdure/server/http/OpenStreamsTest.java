package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.chat.Caller;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.http.OpenStreams.Place;
import java.util.Collections;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class OpenStreamsTest {
  private static final Caller ANN = new Caller("acme", "ann");
  private static final Caller BOB = new Caller("acme", "bob");

  @Test
  void a_stream_that_a_nudge_finds_dead_makes_room() throws Exception {
    OpenStreams streams = new OpenStreams(1);
    Place dead = streams.take(ANN);
    dead.onWake(() -> Thread.ofVirtual().start(dead::close));

    Place next = streams.take(ANN);

    assertThat(next.leaving()).isFalse();
    assertThat(dead.takeNudge()).isTrue();
    assertThat(dead.takeNudge()).isFalse();
    assertThat(streams.open(ANN)).isEqualTo(1);
  }

  @Test
  void each_caller_has_places_of_their_own_and_gets_them_back() throws Exception {
    OpenStreams streams = new OpenStreams(2);
    Place first = streams.take(ANN);
    Place second = streams.take(ANN);

    assertThatThrownBy(() -> streams.take(ANN))
        .isInstanceOf(PerdureException.class)
        .hasMessageContaining("2 streams");
    Place other = streams.take(BOB);
    first.close();
    first.close();
    assertThat(streams.open(ANN)).isEqualTo(1);
    streams.take(ANN).close();
    second.close();
    other.close();

    assertThat(streams.open()).isZero();
    assertThat(streams.open(ANN)).isZero();
  }

  @Test
  void streams_opened_after_the_call_to_leave_may_stay() throws Exception {
    OpenStreams streams = new OpenStreams(2);
    AtomicInteger woken = new AtomicInteger();
    Place before = streams.take(ANN);
    before.onWake(woken::incrementAndGet);

    streams.askToLeave();
    Place after = streams.take(ANN);

    assertThat(before.leaving()).isTrue();
    assertThat(woken).hasValue(1);
    assertThat(after.leaving()).isFalse();
  }

  @Test
  void a_wait_that_begins_after_the_call_to_leave_is_woken_too() throws Exception {
    OpenStreams streams = new OpenStreams(2);
    AtomicInteger woken = new AtomicInteger();
    Place place = streams.take(ANN);

    streams.askToLeave();
    place.onWake(woken::incrementAndGet);

    assertThat(woken).hasValue(1);
  }

  @Test
  void the_count_is_exact_under_races() throws Exception {
    OpenStreams streams = new OpenStreams(8);
    AtomicInteger most = new AtomicInteger();
    Callable<Void> visitor =
        () -> {
          for (int round = 0; round < 500; round++) {
            try (Place place = streams.take(ANN)) {
              most.accumulateAndGet(streams.open(ANN), Math::max);
              assertThat(place.leaving()).isFalse();
            } catch (PerdureException e) {
              Thread.onSpinWait();
            }
          }
          return null;
        };
    try (ExecutorService pool = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<Void> done : pool.invokeAll(Collections.nCopies(64, visitor))) {
        done.get();
      }
    }

    assertThat(most.get()).isBetween(1, 8);
    assertThat(streams.open(ANN)).isZero();
    assertThat(streams.open()).isZero();
  }
}
