package dev.perdure.server.http;

import dev.perdure.chat.LaterTurns.When;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.schedule.Schedule.Missed;
import dev.perdure.schedule.Schedule.Said;
import dev.perdure.schedule.Schedule.Settings;
import java.time.Duration;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** What requests say of times to come, checked and within limits. Thread-safe. */
final class WaitRequests {
  private static final int NAME_CHARS = 200;
  private static final int CRON_CHARS = 200;
  private static final int ZONE_CHARS = 64;
  private static final int ID_CHARS = 64;
  private static final int MAX_RUNS = 1_000_000_000;

  private static final String[] CHANGES = {
    "name", "message", "cron", "zone", "startsAt", "endsAt", "maxRuns", "missed", "paused"
  };

  private final Requests requests;

  WaitRequests(Requests requests) {
    this.requests = requests;
  }

  /** The members {@code notBefore} and {@code delay}; null if neither is there. */
  static @Nullable When when(Fields fields) {
    Optional<Long> notBefore = fields.time("notBefore");
    Optional<Duration> delay = fields.duration("delay");
    if (notBefore.isPresent() && delay.isPresent()) {
      throw invalid("A time is either 'notBefore' or 'delay'. Send one of them.");
    }
    return notBefore.isEmpty() && delay.isEmpty()
        ? null
        : new When(notBefore.orElse(null), delay.orElse(null));
  }

  /**
   * Where a turn is to be moved, and from where.
   *
   * @param was the time that it had
   */
  record Move(When to, long was) {}

  /** Reads the body of {@code PATCH /v1/turns/ID}. */
  static Move move(byte[] body) {
    Fields fields = Fields.of(body, "notBefore", "delay", "was");
    @Nullable When to = when(fields);
    Optional<Long> was = fields.time("was");
    if (to == null || was.isEmpty()) {
      throw invalid(
          "Send 'notBefore' or 'delay', and as 'was' the time that the turn waits for now.");
    }
    return new Move(to, was.get());
  }

  /** A new schedule, and its session. */
  record Made(String session, Settings settings) {}

  /** Reads the body of {@code POST /v1/schedules}. */
  Made made(byte[] body) {
    String[] names = new String[CHANGES.length + 1];
    System.arraycopy(CHANGES, 0, names, 0, CHANGES.length);
    names[CHANGES.length] = "session";
    Fields fields = Fields.of(body, names);
    String session = fields.text("session", ID_CHARS).orElse("");
    if (session.isEmpty() || !fields.has("message") || !fields.has("cron") || !fields.has("zone")) {
      throw invalid("A schedule has a 'session', a 'message', a 'cron' and a 'zone'. Send all.");
    }
    return new Made(
        session,
        new Settings(
            name(fields),
            said(fields),
            fields.text("cron", CRON_CHARS).orElse(""),
            fields.text("zone", ZONE_CHARS).orElse(""),
            fields.time("startsAt").orElse(null),
            fields.time("endsAt").orElse(null),
            maxRuns(fields),
            fields.word("missed", Missed.SKIP, Missed::wire),
            fields.flag("paused").orElse(false)));
  }

  /**
   * What of a schedule changes.
   *
   * @param said the new message; null if it stays
   */
  record Change(@Nullable Said said, UnaryOperator<Settings> made) {}

  /** Reads the body of {@code PATCH /v1/schedules/ID}: only what is there changes. */
  Change change(byte[] body) {
    Fields fields = Fields.of(body, CHANGES);
    @Nullable Said said = fields.has("message") ? said(fields) : null;
    @Nullable String name = name(fields);
    @Nullable Long maxRuns = maxRuns(fields);
    @Nullable Long startsAt = fields.time("startsAt").orElse(null);
    @Nullable Long endsAt = fields.time("endsAt").orElse(null);
    return new Change(
        said,
        now ->
            new Settings(
                fields.mentions("name") ? name : now.name(),
                said == null ? now.said() : said,
                fields.text("cron", CRON_CHARS).orElse(now.cron()),
                fields.text("zone", ZONE_CHARS).orElse(now.zone()),
                fields.mentions("startsAt") ? startsAt : now.startsAtMillis(),
                fields.mentions("endsAt") ? endsAt : now.endsAtMillis(),
                fields.mentions("maxRuns") ? maxRuns : now.maxRuns(),
                fields.word("missed", now.missed(), Missed::wire),
                fields.flag("paused").orElse(now.paused())));
  }

  private Said said(Fields fields) {
    return requests.said(fields.object("message", Requests.MESSAGE));
  }

  private static @Nullable String name(Fields fields) {
    String name = fields.text("name", NAME_CHARS).map(String::strip).orElse("");
    return name.isEmpty() ? null : Text.line("name", name);
  }

  private static @Nullable Long maxRuns(Fields fields) {
    return fields.integer("maxRuns", 1, MAX_RUNS).map(Integer::longValue).orElse(null);
  }

  private static PerdureException invalid(String text) {
    return new PerdureException(ErrorCode.INVALID_REQUEST, text);
  }
}
