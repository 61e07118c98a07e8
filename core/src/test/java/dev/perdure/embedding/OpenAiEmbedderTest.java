package dev.perdure.embedding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.perdure.provider.BreakerPolicy;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.ProviderSettings;
import dev.perdure.provider.Secret;
import dev.perdure.provider.fake.FakeEmbeddings.Fault;
import dev.perdure.provider.fake.FakeProviderServer;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.TransportOptions;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The embedder on the real wire, against the fake server and its faults. */
class OpenAiEmbedderTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final BreakerPolicy PATIENT =
      new BreakerPolicy(100, 100, 100, Duration.ofSeconds(1), 1);

  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private FakeProviderServer server;
  private Transport transport;

  @BeforeEach
  void begin() throws IOException {
    server = FakeProviderServer.onLoopback(InstantSource.system());
    transport = new Transport(TransportOptions.defaults(), InstantSource.system());
  }

  @AfterEach
  void end() {
    transport.close();
    server.close();
  }

  private Embedder embedder(int dimensions, BreakerPolicy policy) {
    ProviderSettings settings =
        new ProviderSettings(
            "embeddings",
            URI.create(server.uri() + "/v1/"),
            new Secret("sk-embed-secret"),
            Map.of("X-Extra", "yes"),
            1);
    return new GuardedEmbedder(
        new OpenAiEmbedder(settings, transport, "fake", dimensions, 16),
        policy,
        InstantSource.system(),
        meters);
  }

  private static ProviderException failure(Embedder embedder, Duration limit) {
    return catchThrowableOfType(
        ProviderException.class, () -> embedder.embed(List.of("some text", "another text"), limit));
  }

  @Test
  void texts_become_vectors_in_their_order_over_one_connection() throws Exception {
    Embedder embedder = embedder(0, PATIENT);
    List<float[]> both =
        embedder.embed(List.of("a red automobile", "the ocean \u0000 \ud800"), LONG);
    assertThat(both).hasSize(2);
    assertThat(both.getFirst()).hasSize(256).isNotEqualTo(both.getLast());
    assertThat(embedder.embed(List.of("a red automobile"), LONG).getFirst())
        .isEqualTo(both.getFirst());
    assertThat(server.journal().connectionsAccepted()).isEqualTo(1);
    assertThat(embedder.model()).isEqualTo("fake");
  }

  @Test
  void dimensions_that_are_asked_for_are_part_of_the_models_name() throws Exception {
    Embedder embedder = embedder(32, PATIENT);
    assertThat(embedder.model()).isEqualTo("fake@32");
    assertThat(embedder.embed(List.of("automobile"), LONG).getFirst()).hasSize(32);
    server.embeddings().fail(Fault.DIMENSIONS, 1);
    assertThat(failure(embedder, LONG)).hasMessageContaining("33 dimensions instead of 32");
  }

  @ParameterizedTest
  @EnumSource(Fault.class)
  void a_call_that_goes_wrong_says_how_and_the_next_one_works(Fault fault) throws Exception {
    Embedder embedder = embedder(0, PATIENT);
    embedder.embed(List.of("a first one"), LONG);
    server.embeddings().fail(fault, 1);
    if (fault == Fault.NONE) {
      assertThat(embedder.embed(List.of("x y"), LONG)).hasSize(1);
      return;
    }
    ProviderException e = failure(embedder, fault == Fault.HANG ? Duration.ofMillis(200) : LONG);
    assertThat(e.kind())
        .as(fault + ": " + e.getMessage())
        .isEqualTo(
            switch (fault) {
              case BUSY -> Kind.RATE_LIMITED;
              case ERROR -> Kind.SERVER;
              case REFUSED -> Kind.INVALID;
              case HANG -> Kind.FIRST_TOKEN_TIMEOUT;
              case CUT -> Kind.TRUNCATED;
              case NONE, DIMENSIONS, NAN, HUGE, FEWER, INDEX, TRUNCATED, PAGE -> Kind.MALFORMED;
            });
    assertThat(e.getMessage()).doesNotContain("sk-embed-secret");
    assertThat(embedder.embed(List.of("a last one"), LONG)).hasSize(1);
    assertThat(meters.counter("perdure.embedding.failures", "kind", e.kind().wire()).count())
        .isEqualTo(1);
    assertThat(meters.counter("perdure.embedding.texts").count()).isEqualTo(2);
  }

  @Test
  void one_that_keeps_failing_is_left_alone_for_a_while() {
    Embedder embedder = embedder(0, new BreakerPolicy(4, 4, 50, Duration.ofHours(1), 1));
    server.embeddings().fail(Fault.ERROR, 100);
    for (int i = 0; i < 4; i++) {
      assertThat(failure(embedder, LONG).kind()).isEqualTo(Kind.SERVER);
    }
    assertThat(failure(embedder, LONG).kind()).isEqualTo(Kind.CIRCUIT_OPEN);
    assertThat(server.embeddings().calls()).isEqualTo(4);
    assertThat(meters.get("perdure.embedding.circuit.open").gauge().value()).isEqualTo(1);
  }

  @Test
  void what_a_caller_has_sent_wrong_opens_no_circuit() {
    Embedder embedder = embedder(0, new BreakerPolicy(2, 2, 50, Duration.ofHours(1), 1));
    server.embeddings().fail(Fault.REFUSED, 100);
    for (int i = 0; i < 5; i++) {
      assertThat(failure(embedder, LONG).kind()).isEqualTo(Kind.INVALID);
    }
  }

  @Test
  void vectors_of_absurd_length_are_refused_whoever_makes_them() {
    Embedder huge =
        new Embedder() {
          @Override
          public String model() {
            return "huge";
          }

          @Override
          public int batch() {
            return 1;
          }

          @Override
          public List<float[]> embed(List<String> texts, Duration limit) {
            return List.of(new float[OpenAiEmbedder.MAX_DIMENSIONS + 1]);
          }
        };
    Embedder guarded = new GuardedEmbedder(huge, PATIENT, InstantSource.system(), meters);
    assertThatThrownBy(() -> guarded.embed(List.of("x"), LONG)).hasMessageContaining("8193");
  }

  @Test
  void a_server_that_is_not_there_is_said_to_be_so() {
    Embedder embedder = embedder(0, PATIENT);
    server.close();
    assertThat(failure(embedder, LONG).kind()).isEqualTo(Kind.CONNECT);
  }
}
