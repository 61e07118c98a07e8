package dev.perdure.tool.http;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.tool.ToolException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A URL with places for arguments, such as {@code https://shop.example/orders/{id}?v=2}. An
 * argument fills one place: whatever it holds, the URL keeps its host, its path's segments and its
 * parameters. Immutable.
 */
final class UrlTemplate {
  private static final Pattern PLACE = Pattern.compile("\\{([A-Za-z_][A-Za-z0-9_-]{0,63})\\}");
  private static final String UNRESERVED = "-._~";
  private static final int MAX_URL_CHARS = 8 * 1024;

  private final String template;
  private final Set<String> places = new LinkedHashSet<>();

  /**
   * @throws IllegalArgumentException if it is no URL of http or https, or has places in its host
   */
  UrlTemplate(String template) {
    this.template = template;
    Matcher m = PLACE.matcher(template);
    while (m.find()) {
      places.add(m.group(1));
    }
    String filled = PLACE.matcher(template).replaceAll("x");
    try {
      URI uri = new URI(filled);
      boolean legal =
          ("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))
              && uri.getHost() != null
              && uri.getRawUserInfo() == null
              && uri.getRawFragment() == null;
      if (!legal || PLACE.matcher(authority()).find()) {
        throw new URISyntaxException(template, "not of the form");
      }
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException(
          "'"
              + template
              + "' is no URL of a tool. Write http(s)://host[:port]/path with {argument} in path or"
              + " query, without user and fragment.",
          e);
    }
  }

  private String authority() {
    String rest = template.substring(Math.min(template.length(), template.indexOf("//") + 2));
    return rest.split("[/?#]", 2)[0];
  }

  /** The names of the arguments that it needs. */
  Set<String> places() {
    return Set.copyOf(places);
  }

  /**
   * Fills the places.
   *
   * @param restInQuery whether arguments without a place become parameters
   */
  URI fill(JsonNode arguments, boolean restInQuery) throws ToolException {
    StringBuilder out = new StringBuilder();
    Matcher m = PLACE.matcher(template);
    while (m.find()) {
      JsonNode value = arguments.path(m.group(1));
      if (!value.isValueNode() || value.isNull()) {
        throw new ToolException("The argument '" + m.group(1) + "' must be a text or a number.");
      }
      String text = value.asText();
      if (text.isEmpty() || text.equals(".") || text.equals("..")) {
        throw new ToolException("The argument '" + m.group(1) + "' cannot be '" + text + "'.");
      }
      m.appendReplacement(out, Matcher.quoteReplacement(encode(text)));
    }
    m.appendTail(out);
    if (restInQuery) {
      out.append(query(arguments, out.indexOf("?") < 0 ? '?' : '&'));
    }
    if (out.length() > MAX_URL_CHARS) {
      throw new ToolException("The arguments are too long for a URL. Make them shorter.");
    }
    return URI.create(out.toString());
  }

  private String query(JsonNode arguments, char first) {
    StringBuilder out = new StringBuilder();
    char separator = first;
    for (Map.Entry<String, JsonNode> argument : arguments.properties()) {
      if (places.contains(argument.getKey())) {
        continue;
      }
      for (JsonNode value : values(argument.getValue())) {
        out.append(separator).append(encode(argument.getKey())).append('=');
        out.append(encode(value.isValueNode() ? value.asText() : value.toString()));
        separator = '&';
      }
    }
    return out.toString();
  }

  private static List<JsonNode> values(JsonNode value) {
    if (!value.isArray()) {
      return value.isNull() ? List.of() : List.of(value);
    }
    List<JsonNode> out = new ArrayList<>();
    value.forEach(out::add);
    return out;
  }

  /** Everything but unreserved characters (RFC 3986) as %XX of UTF-8. */
  private static String encode(String text) {
    StringBuilder out = new StringBuilder();
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      char c = (char) (b & 0xFF);
      boolean plain =
          (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || UNRESERVED.indexOf(c) >= 0;
      if (plain) {
        out.append(c);
      } else {
        out.append('%').append(Character.toUpperCase(Character.forDigit(c >> 4, 16)));
        out.append(Character.toUpperCase(Character.forDigit(c & 15, 16)));
      }
    }
    return out.toString();
  }
}
