package dev.perdure.server;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.config.PerdureConfig;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.sql.SQLException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.logging.ConsoleHandler;
import java.util.logging.Formatter;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Logging to stderr, one line a record, or more with the stack trace of a bug: {@code
 * 2026-01-31T12:00:00.123Z INFO Engine: text}. Set up once, by the main thread.
 */
final class Logging {
  /** What libraries say at INFO is about themselves. */
  private static final Map<String, Level> LIBRARIES =
      Map.of(
          "io.helidon",
              Level.SEVERE, // It warns, with a stack trace, of every stranger's broken bytes.
          "org.flywaydb", Level.WARNING,
          "com.zaxxer.hikari",
              Level.SEVERE, // It warns of each connection that an outage has broken, with a stack.
          "org.postgresql", Level.WARNING,
          "org.sqlite", Level.OFF); // What it logs, with a stack trace, it also throws.

  /** Held here, because the JDK holds them weakly and would forget their levels. */
  private static final List<Logger> CONFIGURED = new ArrayList<>();

  private Logging() {}

  static void configure(PerdureConfig.Logging config) {
    // Helidon would read a logging.properties of the working directory over what is set here.
    System.setProperty("io.helidon.logging.config.disabled", "true");
    LogManager.getLogManager().reset();
    ConsoleHandler handler = new ConsoleHandler();
    handler.setLevel(Level.ALL);
    handler.setFormatter(new OneLine());
    Level level = level(config.level());
    Logger root = Logger.getLogger("");
    root.addHandler(handler);
    root.setLevel(atLeast(level, Level.INFO));
    set("dev.perdure", level);
    LIBRARIES.forEach((name, least) -> set(name, atLeast(level, least)));
  }

  private static void set(String name, Level level) {
    Logger logger = Logger.getLogger(name);
    logger.setLevel(level);
    CONFIGURED.add(logger);
  }

  private static Level atLeast(Level level, Level least) {
    return level.intValue() >= least.intValue() ? level : least;
  }

  private static Level level(PerdureConfig.Logging.Level level) {
    return switch (level) {
      case ERROR -> Level.SEVERE;
      case WARNING -> Level.WARNING;
      case INFO -> Level.INFO;
      case DEBUG -> Level.FINE;
    };
  }

  /**
   * What a database or its driver gave as the reason; empty if there is none, because other causes
   * may hold a setting's value.
   */
  static String databaseWords(Throwable thrown) {
    List<Throwable> causes = causes(thrown);
    boolean database = causes.stream().anyMatch(SQLException.class::isInstance);
    return database ? " (" + words(causes.getLast()) + ")" : "";
  }

  /** Whether a stack would tell no more than who has noticed it first. */
  private static boolean databaseIsAway(Throwable thrown) {
    return causes(thrown).stream()
        .anyMatch(cause ->
            switch (cause) {
              case PerdureException e -> e.code() == ErrorCode.DATABASE_UNAVAILABLE;
              case SQLException e -> String.valueOf(e.getSQLState()).matches("(08|57P).*");
              default -> false;
            });
  }

  private static List<Throwable> causes(Throwable thrown) {
    List<Throwable> causes = new ArrayList<>();
    for (@Nullable Throwable at = thrown; at != null; at = at.getCause()) {
      causes.add(at);
    }
    return causes;
  }

  private static String words(Throwable thrown) {
    return oneLine(thrown.getClass().getSimpleName() + ": " + thrown.getMessage());
  }

  private static String oneLine(String text) {
    return text.replaceAll("[\\p{Cntrl}&&[^\t]]+", " ");
  }

  /** Control characters of a message cannot begin another line: nobody forges a record. */
  static final class OneLine extends Formatter {
    private static final DateTimeFormatter TIME =
        DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", Locale.ROOT)
            .withZone(ZoneOffset.UTC);

    @Override
    public String format(LogRecord record) {
      StringBuilder out = new StringBuilder(120);
      TIME.formatTo(Instant.ofEpochMilli(record.getMillis()), out);
      out.append(' ').append(String.format(Locale.ROOT, "%-5s", name(record.getLevel())));
      out.append(' ').append(source(record)).append(": ");
      out.append(oneLine(formatMessage(record)));
      @Nullable Throwable thrown = record.getThrown();
      if (thrown != null && databaseIsAway(thrown)) {
        out.append(" (").append(words(causes(thrown).getLast())).append(')');
        thrown = null;
      }
      out.append('\n');
      if (thrown != null) {
        StringWriter trace = new StringWriter();
        thrown.printStackTrace(new PrintWriter(trace));
        out.append(trace);
      }
      return out.toString();
    }

    private static String source(LogRecord record) {
      String name = String.valueOf(record.getLoggerName());
      return name.substring(name.lastIndexOf('.') + 1);
    }

    private static String name(Level level) {
      if (level.intValue() >= Level.SEVERE.intValue()) {
        return "ERROR";
      }
      if (level.intValue() >= Level.WARNING.intValue()) {
        return "WARN";
      }
      return level.intValue() >= Level.INFO.intValue() ? "INFO" : "DEBUG";
    }
  }
}
