package dev.perdure.db;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where a PostgreSQL is and who we are to it. Reads {@code jdbc:postgresql:} as well as {@code
 * postgresql://user:password@host:port/database?parameters}; takes the credentials out, so that
 * {@link #jdbc} may be shown to people.
 */
record PostgresUrl(String jdbc, @Nullable String user, @Nullable String password) {
  private static final String JDBC = "jdbc:postgresql:";
  private static final List<String> SCHEMES = List.of("postgresql://", "postgres://");

  /** Explicit credentials go before those in the URL. */
  static PostgresUrl parse(String url, @Nullable String user, @Nullable String password) {
    String rest = null;
    if (url.startsWith(JDBC)) {
      rest = url.substring(JDBC.length());
    } else {
      for (String scheme : SCHEMES) {
        if (url.startsWith(scheme)) {
          rest = "//" + url.substring(scheme.length());
        }
      }
    }
    if (rest == null) {
      throw invalid();
    }
    String urlUser = null;
    String urlPassword = null;
    int query = rest.indexOf('?');
    String path = query < 0 ? rest : rest.substring(0, query);
    int slash = path.startsWith("//") ? path.indexOf('/', 2) : -1;
    int at = slash < 0 ? path.lastIndexOf('@') : path.lastIndexOf('@', slash);
    if (path.startsWith("//") && at >= 0) {
      String login = path.substring(2, at);
      int colon = login.indexOf(':');
      urlUser = decode(colon < 0 ? login : login.substring(0, colon));
      urlPassword = colon < 0 ? null : decode(login.substring(colon + 1));
      path = "//" + path.substring(at + 1);
    }
    List<String> kept = new ArrayList<>();
    for (String parameter : query < 0 ? new String[0] : rest.substring(query + 1).split("&", -1)) {
      int equals = parameter.indexOf('=');
      String name = equals < 0 ? parameter : parameter.substring(0, equals);
      String value = equals < 0 ? "" : parameter.substring(equals + 1);
      switch (name) {
        case "user" -> urlUser = decode(value);
        case "password" -> urlPassword = decode(value);
        case "" -> {}
        default -> kept.add(parameter);
      }
    }
    return new PostgresUrl(
        JDBC + path + (kept.isEmpty() ? "" : "?" + String.join("&", kept)),
        user == null ? urlUser : user,
        password == null ? urlPassword : password);
  }

  private static String decode(String text) {
    try {
      // A plus sign means itself here, unlike in the form encoding that this decoder is for.
      return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      throw invalid();
    }
  }

  /** Says nothing of the value, which may hold a password. */
  private static PerdureException invalid() {
    return new PerdureException(
        ErrorCode.CONFIG,
        "The database URL is not one of PostgreSQL. Write postgresql://user@host:5432/database, or"
            + " jdbc:postgresql://host:5432/database, with special characters percent-encoded.");
  }

  /** The URL with another parameter. */
  String with(String name, String value) {
    return jdbc
        + (jdbc.indexOf('?') < 0 ? "?" : "&")
        + name
        + "="
        + URLEncoder.encode(value, StandardCharsets.UTF_8);
  }

  /** Without the password. */
  @Override
  public String toString() {
    return jdbc;
  }
}
