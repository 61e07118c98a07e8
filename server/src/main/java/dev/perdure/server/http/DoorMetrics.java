package dev.perdure.server.http;

import static java.util.Objects.requireNonNull;

import dev.perdure.chat.Admission;
import dev.perdure.protocol.ErrorCode;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.EnumMap;
import java.util.Map;

/**
 * What the door counts. The only label is the problem's code, whose values are a closed set.
 * Thread-safe.
 */
final class DoorMetrics {
  private final Counter accepted;
  private final Counter events;
  private final Counter bytes;
  private final Counter requests;
  private final Counter calmed;
  private final Map<ErrorCode, Counter> problems = new EnumMap<>(ErrorCode.class);

  DoorMetrics(MeterRegistry registry, OpenStreams streams, Admission admission) {
    requests = counter(registry, "perdure.http.requests", "Requests that reached the door");
    calmed =
        counter(
            registry, "perdure.http2.calmed", "Connections of HTTP/2 ended for too many resets");
    accepted = counter(registry, "perdure.http.turns.accepted", "Turns answered with 202 or 200");
    events = counter(registry, "perdure.stream.events", "Events written to streams");
    bytes = counter(registry, "perdure.stream.bytes", "Bytes written to streams");
    Gauge.builder("perdure.stream.open", streams, OpenStreams::open)
        .description("Streams, long polls and waiting requests that are open")
        .register(registry);
    Gauge.builder("perdure.queue.length", admission, a -> a.reading().queued())
        .description("Turns in the queue of all nodes")
        .register(registry);
    Gauge.builder(
            "perdure.queue.oldest.wait", admission, a -> a.reading().oldestWaitMillis() / 1000.0)
        .description("How long the first of those that wait for a node only has waited")
        .baseUnit("seconds")
        .register(registry);
    Gauge.builder("perdure.queue.tenants", admission, a -> a.reading().queuingTenants())
        .description("Tenants with turns in the queue")
        .register(registry);
    Gauge.builder("perdure.queue.largest", admission, a -> a.reading().largestPart())
        .description("Turns in the queue of the tenant that has most")
        .register(registry);
    for (ErrorCode code : ErrorCode.values()) {
      problems.put(
          code,
          Counter.builder("perdure.http.problems")
              .description("Requests refused, by the problem's code")
              .tag("code", code.wire())
              .register(registry));
    }
  }

  private static Counter counter(MeterRegistry registry, String name, String description) {
    return Counter.builder(name).description(description).register(registry);
  }

  void request() {
    requests.increment();
  }

  /** A connection was ended because its client took back too many requests. */
  void calmed() {
    calmed.increment();
  }

  void accepted() {
    accepted.increment();
  }

  void problem(ErrorCode code) {
    requireNonNull(problems.get(code)).increment();
  }

  void delivered(int eventCount, int byteCount) {
    events.increment(eventCount);
    bytes.increment(byteCount);
  }
}
