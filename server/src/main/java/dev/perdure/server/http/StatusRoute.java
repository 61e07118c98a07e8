package dev.perdure.server.http;

import dev.perdure.chat.Admission;
import dev.perdure.chat.Admission.Reading;
import dev.perdure.chat.Admission.Tenant;
import dev.perdure.chat.Caller;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.DeskLimits;
import io.helidon.http.Method;

/**
 * How full the server is, as far as it concerns the caller: the place for figures by tenant, of
 * which there may be too many for the labels of a metric. Thread-safe.
 */
final class StatusRoute {
  private final Admission admission;
  private final Conversations conversations;
  private final OpenStreams streams;

  StatusRoute(Admission admission, Conversations conversations, OpenStreams streams) {
    this.admission = admission;
    this.conversations = conversations;
    this.streams = streams;
  }

  Route route() {
    return new Route(Method.GET, "/v1/status", Route.Access.CALLER, this::status);
  }

  private void status(Exchange exchange) {
    exchange.knownQuery();
    Caller caller = exchange.caller();
    Reading reading = admission.reading();
    Tenant tenant = reading.tenant(caller.tenant());
    DeskLimits limits = admission.limits();
    long open = conversations.openTurnCount(caller);
    exchange.sendJson(
        200,
        Views.bytes(json -> {
          json.writeStartObject();
          json.writeObjectFieldStart("queue");
          json.writeNumberField("length", reading.queued());
          json.writeNumberField("maxLength", limits.queuedTurns());
          json.writeNumberField("oldestWaitMillis", reading.oldestWaitMillis());
          json.writeNumberField("maxWaitMillis", limits.queueWait().toMillis());
          json.writeEndObject();
          json.writeObjectFieldStart("tenant");
          json.writeNumberField("openTurns", tenant.open());
          json.writeNumberField("maxOpenTurns", limits.openTurnsPerTenant());
          json.writeNumberField("queuedTurns", tenant.queued());
          json.writeNumberField("oldestWaitMillis", tenant.oldestWaitMillis());
          json.writeNumberField("refusedTurns", admission.refused(caller.tenant()));
          json.writeEndObject();
          json.writeObjectFieldStart("caller");
          json.writeNumberField("openTurns", open);
          json.writeNumberField("maxOpenTurns", limits.openTurnsPerOwner());
          json.writeNumberField("streams", streams.open(caller));
          json.writeNumberField("maxStreams", exchange.limits().stream().perCaller());
          json.writeEndObject();
          json.writeEndObject();
        }));
  }
}
