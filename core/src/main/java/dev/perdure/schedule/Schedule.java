package dev.perdure.schedule;

import dev.perdure.chat.Message.Part;
import dev.perdure.chat.NewTurn;
import dev.perdure.chat.NewTurn.FileAt;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Origin;
import dev.perdure.chat.TurnRequest;
import dev.perdure.protocol.ClosedSet;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A message that is sent to a session again and again. Times are milliseconds since 1970 by the
 * database's clock.
 *
 * @param runs how many turns it has made
 * @param nextAtMillis when the next one is due; null while it is paused, and once it is over
 * @param lastAtMillis the time of the last run, as planned; null before the first
 * @param lastTurn its turn; null if it did not become one
 * @param trouble why the last run did not become a turn; null if it did
 */
public record Schedule(
    String id,
    String session,
    Settings settings,
    long runs,
    @Nullable Long nextAtMillis,
    @Nullable Long lastAtMillis,
    @Nullable String lastTurn,
    @Nullable String trouble,
    long createdAtMillis,
    long updatedAtMillis) {

  /**
   * What its owner has said.
   *
   * @param cron see {@link CronRule}
   * @param zone IANA name of a time zone
   * @param startsAtMillis not before; null for at once
   * @param endsAtMillis not after; null for never
   * @param maxRuns null for any number
   */
  public record Settings(
      @Nullable String name,
      Said said,
      String cron,
      String zone,
      @Nullable Long startsAtMillis,
      @Nullable Long endsAtMillis,
      @Nullable Long maxRuns,
      Missed missed,
      boolean paused) {

    /**
     * Checks what can be wrong, so that it is told to who says it.
     *
     * @throws PerdureException INVALID_REQUEST
     */
    public Settings {
      try {
        cron = CronRule.parse(cron).toString();
      } catch (IllegalArgumentException e) {
        throw new PerdureException(
            ErrorCode.INVALID_REQUEST, "'cron' cannot be read. " + e.getMessage(), e);
      }
      zoneId(zone);
    }

    private static ZoneId zoneId(String zone) {
      try {
        if (ZoneId.getAvailableZoneIds().contains(zone)) {
          return ZoneId.of(zone);
        }
      } catch (DateTimeException e) {
        throw noZone(zone, e);
      }
      throw noZone(zone, null);
    }

    private static PerdureException noZone(String zone, @Nullable DateTimeException cause) {
      return new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "'zone' is '"
              + zone.replaceAll("[^A-Za-z0-9/_+-]", "?")
              + "', which is no time zone. Use a name such as Europe/Berlin, or UTC.",
          cause);
    }

    /** The first time after another one; empty if the schedule is over. */
    Optional<Instant> next(Instant after) {
      Instant from =
          startsAtMillis != null && startsAtMillis > after.toEpochMilli()
              ? Instant.ofEpochMilli(startsAtMillis).minusMillis(1)
              : after;
      return CronRule.parse(cron)
          .next(from, zoneId(zone))
          .filter(at -> endsAtMillis == null || at.toEpochMilli() <= endsAtMillis);
    }

    /** The next few times after another one. */
    public List<Instant> upcoming(Instant after, int count) {
      List<Instant> out = new ArrayList<>();
      Optional<Instant> at = next(after);
      while (at.isPresent() && out.size() < count) {
        out.add(at.get());
        at = next(at.get());
      }
      return out;
    }
  }

  /** The message, as it is sent each time. What was stored before there were files has none. */
  public record Said(List<Part> parts, List<FileAt> files, TurnRequest request) {
    public Said(List<Part> parts, @Nullable List<FileAt> files, TurnRequest request) {
      this.parts = List.copyOf(parts);
      this.files = files == null ? List.of() : List.copyOf(files);
      this.request = request;
    }

    /** A message without files. */
    public Said(List<Part> parts, TurnRequest request) {
      this(parts, List.of(), request);
    }

    /** One sending of it. */
    public NewTurn sent() {
      return new NewTurn(parts, files, request, WhenBusy.ENQUEUE, Origin.PLAIN);
    }
  }

  /** What becomes of runs whose time passed while no server was there. */
  public enum Missed {
    /** Nothing. */
    SKIP,
    /** One run for all of them, as soon as a server is there. */
    ONCE;

    public String wire() {
      return name().toLowerCase(Locale.ROOT);
    }

    static Missed of(String wire) {
      return ClosedSet.value(Missed.class, wire);
    }
  }

  /** Whether it will make no more turns. */
  public boolean over() {
    return nextAtMillis == null && !settings.paused;
  }
}
