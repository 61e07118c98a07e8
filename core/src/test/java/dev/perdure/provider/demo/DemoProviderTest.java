package dev.perdure.provider.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.protocol.GenerationParams;
import dev.perdure.provider.ModelEvent;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelRequest.Limits;
import dev.perdure.provider.ModelRequest.ModelMessage;
import dev.perdure.provider.ModelRequest.Role;
import dev.perdure.provider.ModelStream;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;

class DemoProviderTest {
  private static final InstantSource CLOCK = InstantSource.fixed(Instant.EPOCH);

  private final DemoProvider provider =
      new DemoProvider(CLOCK, (closed, time) -> closed.getCount() == 0);

  @Test
  void a_reply_ends_with_usage_and_its_finish() throws ProviderException {
    List<ModelEvent> events = all(provider.open(request("/think /long 3")));
    assertThat(events.get(0))
        .isInstanceOfSatisfying(ModelEvent.Delta.class, d -> assertThat(d.part()).isZero());
    assertThat(events.get(events.size() - 3))
        .isInstanceOfSatisfying(ModelEvent.Delta.class, d -> assertThat(d.part()).isEqualTo(1));
    assertThat(events.get(events.size() - 2)).isInstanceOf(ModelEvent.Usage.class);
    assertThat(events.getLast()).isInstanceOf(ModelEvent.Finished.class);
  }

  @Test
  void faults_end_in_their_kind() {
    assertThat(kind("/error 529 at 4")).isEqualTo(Kind.OVERLOADED);
    assertThat(kind("/error 429 retry 2s")).isEqualTo(Kind.RATE_LIMITED);
    assertThat(kind("/error 500")).isEqualTo(Kind.SERVER);
    assertThat(kind("/error 500 at 3")).isEqualTo(Kind.STREAM_ERROR);
    assertThat(kind("/error 401")).isEqualTo(Kind.AUTH);
    assertThat(kind("/error 404")).isEqualTo(Kind.INVALID);
    assertThat(kind("/truncate")).isEqualTo(Kind.TRUNCATED);
    assertThat(kind("/cut")).isEqualTo(Kind.TRUNCATED);
    assertThat(kind("/reset at 0")).isEqualTo(Kind.CONNECT);
    assertThat(kind("/garbage")).isEqualTo(Kind.MALFORMED);
    assertThat(kind("/hang")).isEqualTo(Kind.FIRST_TOKEN_TIMEOUT);
    assertThat(kind("/hang at 3")).isEqualTo(Kind.IDLE_TIMEOUT);
    assertThat(kind("/stall 10m at 0")).isEqualTo(Kind.FIRST_TOKEN_TIMEOUT);
    assertThat(kind("/stall 10m at 3")).isEqualTo(Kind.IDLE_TIMEOUT);
  }

  @Test
  void the_next_call_with_the_same_history_succeeds_and_then_it_begins_anew()
      throws ProviderException {
    assertThat(kind("/error 529 at 4")).isEqualTo(Kind.OVERLOADED);
    assertThat(all(provider.open(request("/error 529 at 4"))).getLast())
        .isInstanceOf(ModelEvent.Finished.class);
    assertThat(kind("/error 529 at 4")).isEqualTo(Kind.OVERLOADED);
  }

  @Test
  void closing_wakes_a_waiting_reader() throws Exception {
    ModelStream stream = new DemoProvider(CLOCK).open(request("/pace 60m"));
    FutureTask<ModelEvent> reader = new FutureTask<>(stream::next);
    Thread.ofVirtual().start(reader);
    stream.close();
    assertThatThrownBy(reader::get)
        .isInstanceOf(ExecutionException.class)
        .cause()
        .isInstanceOfSatisfying(
            ProviderException.class, e -> assertThat(e.kind()).isEqualTo(Kind.CANCELLED));
  }

  @Test
  void a_closed_stream_says_cancelled() {
    ModelStream stream = provider.open(request("hi"));
    stream.close();
    stream.close();
    assertThatThrownBy(stream::next)
        .isInstanceOfSatisfying(
            ProviderException.class, e -> assertThat(e.kind()).isEqualTo(Kind.CANCELLED));
  }

  private Kind kind(String prompt) {
    try {
      throw new AssertionError("No fault but " + all(provider.open(request(prompt))).getLast());
    } catch (ProviderException e) {
      return e.kind();
    }
  }

  private static List<ModelEvent> all(ModelStream stream) throws ProviderException {
    List<ModelEvent> events = new ArrayList<>();
    try (stream) {
      for (ModelEvent e = stream.next(); e != null; e = stream.next()) {
        events.add(e);
      }
    }
    return events;
  }

  private static ModelRequest request(String prompt) {
    return new ModelRequest(
        "demo",
        null,
        List.of(new ModelMessage(Role.USER, prompt)),
        GenerationParams.NONE,
        new Limits(Duration.ofSeconds(1), Duration.ofSeconds(60), Duration.ofSeconds(30)));
  }
}
