package dev.perdure.tool.http;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Headers of a request that hold secrets by reference: {@code ${env:NAME}} is the value of a
 * variable of this process, {@code ${file:/path}} the content of a file, which is read for each
 * request so that it can be replaced. What was put in is known here and nowhere else. Thread-safe.
 */
public final class SecretHeaders {
  /** None. */
  public static final SecretHeaders NONE = new SecretHeaders(List.of(), name -> null);

  private static final int MAX_SECRET_BYTES = 16 * 1024;
  private static final String MASK = "***";

  /** Shorter ones would be found in what has nothing to do with them. */
  private static final int MIN_MASKED_CHARS = 6;

  private static final Pattern LINE = Pattern.compile("([A-Za-z0-9-]{1,100}): *(\\S.*)");
  private static final Pattern REFERENCE = Pattern.compile("\\$\\{(env|file):([^}]+)\\}");

  /** Headers whose value is a secret, whoever writes it. */
  private static final Set<String> SECRET =
      Set.of("authorization", "proxy-authorization", "cookie", "x-api-key", "api-key");

  /** Headers that belong to the connection or to the call. */
  private static final Set<String> OURS =
      Set.of("host", "connection", "content-length", "transfer-encoding", "idempotency-key");

  private final Map<String, String> templates = new LinkedHashMap<>();
  private final UnaryOperator<@Nullable String> env;

  /**
   * @param lines such as {@code Authorization: Bearer ${env:SHOP_TOKEN}}
   * @param env the variables of this process
   * @throws IllegalArgumentException if one is none, or its secret cannot be read now
   */
  public SecretHeaders(List<String> lines, UnaryOperator<@Nullable String> env) {
    this.env = env;
    for (String line : lines) {
      Matcher m = LINE.matcher(line);
      if (!m.matches() || OURS.contains(m.group(1).toLowerCase(Locale.ROOT))) {
        throw new IllegalArgumentException(
            "'"
                + line.replaceAll(":.*", "")
                + "' is no header that can be set. Write 'Name: value'; "
                + String.join(", ", OURS.stream().sorted().toList())
                + " are set by the server.");
      }
      if (SECRET.contains(m.group(1).toLowerCase(Locale.ROOT))
          && !REFERENCE.matcher(m.group(2)).find()) {
        throw new IllegalArgumentException(
            "The header "
                + m.group(1)
                + " holds its secret itself. Refer to it: ${env:NAME} or ${file:/path}.");
      }
      templates.put(m.group(1), m.group(2));
    }
    try {
      fill();
    } catch (IOException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  /** The headers with their secrets, for one request. */
  public record Filled(Map<String, String> headers, List<String> secrets) {
    /** The text without the secrets, for what a server says. */
    public String maskIn(String text) {
      String out = text;
      for (String secret : secrets) {
        out = secret.length() < MIN_MASKED_CHARS ? out : out.replace(secret, MASK);
      }
      return out;
    }

    /** Never the values. */
    @Override
    public String toString() {
      return headers.keySet().toString();
    }
  }

  /**
   * Reads the secrets.
   *
   * @throws IOException if one is not there any more; the text names the reference, not the value
   */
  public Filled fill() throws IOException {
    Map<String, String> headers = new LinkedHashMap<>();
    List<String> secrets = new ArrayList<>();
    for (Map.Entry<String, String> entry : templates.entrySet()) {
      String value = expand(entry.getValue(), env, secrets);
      if (value.chars().anyMatch(c -> c < ' ' || c > '~')) {
        throw new IOException(
            "The header " + entry.getKey() + " would hold more than one line of visible ASCII.");
      }
      headers.put(entry.getKey(), value);
    }
    return new Filled(Map.copyOf(headers), List.copyOf(secrets));
  }

  /**
   * The text with its secrets in the place of their references.
   *
   * @param found takes the secrets
   */
  public static String expand(
      String template, UnaryOperator<@Nullable String> env, List<String> found) throws IOException {
    StringBuilder value = new StringBuilder();
    Matcher m = REFERENCE.matcher(template);
    while (m.find()) {
      String secret =
          m.group(1).equals("env") ? ofEnvironment(env, m.group(2)) : ofFile(m.group(2));
      found.add(secret);
      m.appendReplacement(value, Matcher.quoteReplacement(secret));
    }
    m.appendTail(value);
    return value.toString();
  }

  private static String ofEnvironment(UnaryOperator<@Nullable String> env, String name)
      throws IOException {
    @Nullable String value = env.apply(name);
    if (value == null || value.isBlank()) {
      throw new IOException("The environment variable " + name + " is not set. Set it.");
    }
    return value.strip();
  }

  private static String ofFile(String path) throws IOException {
    try {
      Path file = Path.of(path);
      String value = Files.size(file) > MAX_SECRET_BYTES ? "" : Files.readString(file).strip();
      if (!value.isEmpty()) {
        return value;
      }
    } catch (IOException | RuntimeException e) {
      // Said below; the cause would say no more.
    }
    throw new IOException("The secret's file " + path + " cannot be read, or is empty. Write it.");
  }
}
