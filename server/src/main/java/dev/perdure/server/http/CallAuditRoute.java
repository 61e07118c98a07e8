package dev.perdure.server.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.perdure.chat.CallAudit;
import dev.perdure.chat.CallAudit.Entry;
import dev.perdure.chat.CallAudit.Filter;
import dev.perdure.chat.CallAudit.Ledger;
import dev.perdure.chat.CallState;
import dev.perdure.chat.Caller;
import dev.perdure.chat.Compensations.Undo;
import dev.perdure.chat.Conversations.Page;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnError;
import io.helidon.http.Method;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The effect ledger over all tenants, for the server's operators: which calls were made, whose they
 * are and what state they are in, but nothing that a model, a tool or a person has written.
 * Thread-safe.
 */
final class CallAuditRoute {
  private static final Pattern CALL_ID = Pattern.compile("call_[0-9a-z]{26}");
  private static final Pattern TURN_ID = Pattern.compile("turn_[0-9a-z]{26}");
  private static final int NAME_CHARS = 255;
  private static final List<String> STATES =
      Arrays.stream(CallState.values()).map(CallState::wire).toList();
  private static final List<String> UNDO_STATES = List.of("due", "done", "failed");

  private final CallAudit audit;
  private final Predicate<Caller> operators;

  CallAuditRoute(CallAudit audit, Predicate<Caller> operators) {
    this.audit = audit;
    this.operators = operators;
  }

  Route route() {
    return new Route(Method.GET, "/v1/operator/calls", Route.Access.CALLER, this::list);
  }

  private void list(Exchange exchange) {
    exchange.knownQuery("state", "undo", "tool", "tenant", "owner", "turn", "before", "limit");
    OperatorRoute.admit(operators, exchange);
    @Nullable String state = oneOf(exchange, "state", STATES);
    Filter filter =
        new Filter(
            state == null ? null : CallState.of(state),
            name(exchange, "tool"),
            name(exchange, "tenant"),
            name(exchange, "owner"),
            turn(exchange),
            oneOf(exchange, "undo", UNDO_STATES));
    @Nullable String before = exchange.query("before").orElse(null);
    if (before != null && !CALL_ID.matcher(before).matches()) {
      throw new PerdureException(
          ErrorCode.INVALID_CURSOR,
          "'before' is not the 'next' of a page of calls. Leave it out for the first page.");
    }
    Page<Entry> page = audit.page(filter, before, exchange.pageSize());
    Caller caller = exchange.caller();
    exchange.sendJson(200, Views.page(page.items(), page.next(), entry -> view(entry, caller)));
  }

  private static @Nullable String oneOf(Exchange exchange, String name, List<String> known) {
    @Nullable String value = exchange.query(name).orElse(null);
    if (value != null && !known.contains(value)) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "'"
              + name
              + "' is '"
              + Text.shown(value)
              + "'."
              + Text.didYouMean(value, known)
              + " It can be: "
              + String.join(", ", known)
              + ".");
    }
    return value;
  }

  private static @Nullable String name(Exchange exchange, String name) {
    @Nullable String value = exchange.query(name).orElse(null);
    if (value != null && (value.isEmpty() || value.length() > NAME_CHARS)) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "'" + name + "' must have 1 to " + NAME_CHARS + " characters. Leave it out for any.");
    }
    return value;
  }

  private static @Nullable String turn(Exchange exchange) {
    @Nullable String turn = exchange.query("turn").orElse(null);
    if (turn != null && !TURN_ID.matcher(turn).matches()) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "'turn' is '" + Text.shown(turn) + "', which is not the id of a turn.");
    }
    return turn;
  }

  private static Views.View view(Entry entry, Caller looks) {
    return json -> {
      json.writeStartObject();
      json.writeStringField("call", entry.call());
      json.writeStringField("turn", entry.turn());
      Views.text(json, "session", entry.session());
      json.writeStringField("tenant", entry.owner().tenant());
      json.writeStringField("owner", entry.owner().owner());
      if (entry.owner().equals(looks)) {
        json.writeBooleanField("own", true);
      }
      json.writeStringField("tool", entry.tool());
      if (entry.ledger() != null) {
        ledger(json, entry.ledger());
      }
      json.writeNumberField("createdAt", entry.createdAtMillis());
      json.writeNumberField("updatedAt", entry.updatedAtMillis());
      if (entry.undo() != null) {
        undo(json, entry.undo());
      }
      json.writeEndObject();
    };
  }

  private static void ledger(JsonGenerator json, Ledger ledger) throws IOException {
    json.writeNumberField("lane", ledger.lane());
    json.writeNumberField("step", ledger.step());
    json.writeStringField("effect", ledger.effect());
    json.writeStringField("inputHash", ledger.inputHash());
    json.writeStringField("state", ledger.state().wire());
    json.writeNumberField("runs", ledger.runs());
    Views.text(json, "replaces", ledger.replaces());
    error(json, ledger.error());
    time(json, "expiresAt", ledger.expiresAtMillis());
    time(json, "decidedAt", ledger.decidedAtMillis());
  }

  private static void undo(JsonGenerator json, Undo undo) throws IOException {
    json.writeObjectFieldStart("undo");
    json.writeStringField("state", undo.state());
    json.writeNumberField("tries", undo.tries());
    error(json, undo.error());
    json.writeNumberField("updatedAt", undo.updatedAtMillis());
    json.writeEndObject();
  }

  /** Its text may tell what the tool was asked or has answered. */
  private static void error(JsonGenerator json, @Nullable TurnError error) throws IOException {
    Views.text(json, "errorCode", error == null ? null : error.code());
  }

  private static void time(JsonGenerator json, String name, @Nullable Long millis)
      throws IOException {
    if (millis != null) {
      json.writeNumberField(name, millis);
    }
  }
}
