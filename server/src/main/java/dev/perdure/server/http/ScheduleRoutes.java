package dev.perdure.server.http;

import dev.perdure.chat.Conversations.Page;
import dev.perdure.chat.IdempotencyKey;
import dev.perdure.chat.NewTurn;
import dev.perdure.schedule.Schedule;
import dev.perdure.schedule.Schedule.Said;
import dev.perdure.schedule.Schedules;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import java.io.IOException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;

/** Messages that are sent again and again. Thread-safe. */
final class ScheduleRoutes {
  /** Times to come that one schedule shows. */
  private static final int UPCOMING = 5;

  private final Schedules schedules;
  private final WaitRequests requests;
  private final FileCheck files;
  private final InstantSource clock;

  ScheduleRoutes(Schedules schedules, Requests requests, FileCheck files, InstantSource clock) {
    this.schedules = schedules;
    this.files = files;
    this.requests = new WaitRequests(requests);
    this.clock = clock;
  }

  List<Route> routes() {
    String all = "/v1/schedules";
    String one = "/v1/schedules/{schedule}";
    return List.of(
        new Route(Method.POST, all, Route.Access.CALLER, this::create),
        new Route(Method.GET, all, Route.Access.CALLER, this::list),
        new Route(Method.GET, one, Route.Access.CALLER, this::get),
        new Route(Method.PATCH, one, Route.Access.CALLER, this::change),
        new Route(Method.DELETE, one, Route.Access.CALLER, this::delete));
  }

  private void create(Exchange exchange) throws IOException {
    exchange.knownQuery();
    byte[] body = exchange.body();
    IdempotencyKey key = TurnRoutes.key(exchange, body);
    WaitRequests.Made made = requests.made(body);
    check(exchange, made.settings().said());
    Schedule schedule =
        schedules.create(
            exchange.caller(), Exchange.checkedId("session", made.session()), made.settings(), key);
    exchange.header(HeaderNames.LOCATION, "/v1/schedules/" + schedule.id());
    send(exchange, 201, schedule);
  }

  private void list(Exchange exchange) {
    exchange.knownQuery("before", "limit");
    Page<Schedule> page =
        schedules.list(
            exchange.caller(), exchange.query("before").orElse(null), exchange.pageSize());
    exchange.sendJson(
        200, Views.page(page.items(), page.next(), one -> WaitViews.schedule(one, List.of())));
  }

  private void get(Exchange exchange) {
    exchange.knownQuery();
    send(exchange, 200, schedules.get(exchange.caller(), exchange.id("schedule")));
  }

  private void change(Exchange exchange) throws IOException {
    exchange.knownQuery();
    String id = exchange.id("schedule");
    WaitRequests.Change change = requests.change(exchange.body());
    if (change.said() != null) {
      check(exchange, change.said());
    }
    send(exchange, 200, schedules.change(exchange.caller(), id, change.made()));
  }

  private void check(Exchange exchange, Said said) {
    NewTurn _ = files.checked(exchange.caller(), said.sent());
  }

  private void delete(Exchange exchange) throws IOException {
    exchange.knownQuery();
    String id = exchange.id("schedule");
    Fields.of(exchange.body());
    schedules.delete(exchange.caller(), id);
    exchange.sendEmpty(204);
  }

  private void send(Exchange exchange, int status, Schedule schedule) {
    Long next = schedule.nextAtMillis();
    List<Instant> upcoming =
        next == null
            ? List.of()
            : schedule
                .settings()
                .upcoming(Instant.ofEpochMilli(Math.max(next - 1, clock.millis())), UPCOMING);
    exchange.sendJson(status, Views.bytes(WaitViews.schedule(schedule, upcoming)));
  }
}
