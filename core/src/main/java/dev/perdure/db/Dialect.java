package dev.perdure.db;

import java.util.concurrent.ConcurrentHashMap;

/**
 * The words that the two databases spell differently. Two instances, compared by identity.
 * Thread-safe.
 */
public final class Dialect {
  public static final Dialect SQLITE =
      new Dialect("CAST(unixepoch('subsec') * 1000 AS INTEGER)", "", "", "json_each(?) AS j");
  public static final Dialect POSTGRES =
      new Dialect(
          "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
          "FOR UPDATE",
          "FOR UPDATE SKIP LOCKED",
          "json_array_elements(CAST(? AS JSON)) AS j (value)");

  private final String now;
  private final String lock;
  private final String skip;
  private final String rows;

  /** Statements are constants of the program, so their number bounds this. */
  private final ConcurrentHashMap<String, String> translated = new ConcurrentHashMap<>();

  private Dialect(String now, String lock, String skip, String rows) {
    this.now = now;
    this.lock = lock;
    this.skip = skip;
    this.rows = rows;
  }

  /** The statement in this dialect. */
  String translate(String sql) {
    return translated.computeIfAbsent(
        sql,
        s ->
            s.replace("{now}", now)
                .replace("{lock}", lock)
                .replace("{skip}", skip)
                .replace("{rows}", rows));
  }
}
