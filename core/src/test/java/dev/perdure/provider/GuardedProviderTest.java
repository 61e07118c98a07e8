package dev.perdure.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.GenerationParams;
import dev.perdure.protocol.PartKind;
import dev.perdure.provider.ModelEvent.Delta;
import dev.perdure.provider.ModelEvent.Finished;
import dev.perdure.provider.ModelHealth.Circuit;
import dev.perdure.provider.ModelRequest.Limits;
import dev.perdure.provider.ProviderException.Kind;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class GuardedProviderTest {
  private static final BreakerPolicy POLICY =
      new BreakerPolicy(4, 4, 50, Duration.ofSeconds(10), 1);

  private final Vendor vendor = new Vendor();
  private Instant now = Instant.EPOCH;
  private final GuardedProvider guarded = new GuardedProvider(vendor, POLICY, () -> now);

  /** Fails with the kind that is set, else finishes at once. */
  private final class Vendor implements ModelProvider {
    private @Nullable Kind failure;
    private boolean endless;
    private Duration pace = Duration.ZERO;
    private int calls;

    @Override
    public String name() {
      return "vendor";
    }

    @Override
    public ModelStream open(ModelRequest request) {
      return new ModelStream() {
        @Override
        public ModelEvent next() throws ProviderException {
          calls++;
          now = now.plus(pace);
          if (failure != null) {
            throw new ProviderException(failure, "no");
          }
          return endless ? new Delta(0, PartKind.TEXT, "more") : new Finished(FinishReason.STOP);
        }

        @Override
        public void close() {}
      };
    }
  }

  private @Nullable Kind call(String model) {
    ModelRequest request =
        new ModelRequest(model, null, List.of(), GenerationParams.NONE, Limits.DEFAULT);
    try (ModelStream stream = guarded.open(request)) {
      stream.next();
      return null;
    } catch (ProviderException e) {
      return e.kind();
    }
  }

  private static ModelRequest request() {
    return new ModelRequest("m", null, List.of(), GenerationParams.NONE, Limits.DEFAULT);
  }

  private void calls(int times, @Nullable Kind outcome) {
    vendor.failure = outcome;
    for (int i = 0; i < times; i++) {
      assertThat(call("m")).isEqualTo(outcome);
    }
  }

  @Test
  void a_model_that_keeps_failing_is_left_alone_and_others_are_not() {
    calls(4, Kind.SERVER);
    assertThat(call("m")).isEqualTo(Kind.CIRCUIT_OPEN);
    assertThat(vendor.calls).isEqualTo(4);
    assertThat(call("other")).isEqualTo(Kind.SERVER);
  }

  @Test
  void after_its_rest_one_good_probe_lets_everybody_through() {
    calls(4, Kind.OVERLOADED);
    now = now.plusSeconds(11);
    calls(3, null);
  }

  @Test
  void a_bad_probe_gives_it_another_rest() {
    calls(4, Kind.CONNECT);
    now = now.plusSeconds(11);
    calls(1, Kind.CONNECT);
    assertThat(call("m")).isEqualTo(Kind.CIRCUIT_OPEN);
  }

  @Test
  void a_wrong_request_and_a_cancel_say_nothing_about_the_vendor() {
    calls(20, Kind.INVALID);
    calls(20, Kind.CANCELLED);
    calls(20, Kind.CONTENT_FILTER);
    calls(1, null);
  }

  @Test
  void a_call_that_is_cancelled_gives_its_probe_back() {
    calls(4, Kind.SERVER);
    now = now.plusSeconds(11);
    calls(2, Kind.CANCELLED);
    calls(1, null);
  }

  @Test
  void a_call_that_is_closed_before_its_end_gives_its_probe_back() throws Exception {
    calls(4, Kind.SERVER);
    now = now.plusSeconds(11);
    vendor.failure = null;
    vendor.endless = true;
    for (int i = 0; i < 3; i++) {
      try (ModelStream stream = guarded.open(request())) {
        assertThat(stream.next()).isNotNull();
      }
    }
  }

  @Test
  void a_probe_whose_answer_begins_lets_others_through_and_counts_again_if_it_breaks()
      throws Exception {
    calls(4, Kind.SERVER);
    now = now.plusSeconds(11);
    vendor.failure = null;
    vendor.endless = true;
    try (ModelStream probe = guarded.open(request())) {
      assertThat(probe.next()).isNotNull();
      calls(1, null);
      for (int i = 0; i < 3; i++) {
        try (ModelStream other = guarded.open(request())) {
          vendor.failure = Kind.TRUNCATED;
          assertThatThrownBy(other::next).isInstanceOf(ProviderException.class);
        }
      }
      assertThatThrownBy(probe::next).isInstanceOf(ProviderException.class);
    }
    assertThat(call("m")).isEqualTo(Kind.CIRCUIT_OPEN);
  }

  @Test
  void the_refusal_says_how_much_of_the_rest_is_left() {
    calls(4, Kind.SERVER);
    now = now.plusSeconds(7);
    assertThatThrownBy(() -> guarded.open(request()).next())
        .isInstanceOfSatisfying(
            ProviderException.class,
            e -> assertThat(e.retryAfter()).isEqualTo(Duration.ofSeconds(3)));
  }

  @Test
  void the_refusal_says_when_to_come_back() {
    calls(4, Kind.SERVER);
    assertThatThrownBy(() -> guarded.open(request()).next())
        .hasMessageContaining("vendor/m")
        .isInstanceOfSatisfying(
            ProviderException.class,
            e -> assertThat(e.retryAfter()).isEqualTo(Duration.ofSeconds(10)));
  }

  @Test
  void its_health_says_how_the_latest_calls_came_out() {
    calls(1, Kind.SERVER);
    vendor.pace = Duration.ofMillis(30);
    calls(1, null);
    assertThat(guarded.health())
        .containsExactly(new ModelHealth("vendor/m", Circuit.CLOSED, 2, 1, 30, 30));
    calls(2, Kind.SERVER);
    assertThat(guarded.health())
        .singleElement()
        .satisfies(health -> assertThat(health.circuit()).isEqualTo(Circuit.OPEN));
  }

  @Test
  void many_names_of_models_do_not_fill_the_memory() {
    calls(4, Kind.SERVER);
    for (int i = 0; i < 1000; i++) {
      call("m" + i);
    }
    // Forgotten in favour of newer ones, so it is asked again.
    assertThat(call("m")).isEqualTo(Kind.SERVER);
  }
}
