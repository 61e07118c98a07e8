package dev.perdure.server.auth;

import dev.perdure.chat.Caller;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * API keys as the configuration lists them. Only their SHA-256 is kept: the keys are long and
 * random, so a slow hash would add cost to each request and nothing to their safety. Immutable and
 * thread-safe.
 *
 * <pre>
 *   list  = item *( "," item )
 *   item  = [ [ tenant "/" ] owner ":" ] ( key | "sha256:" 64 hex digits )
 * </pre>
 */
public final class ApiKeys implements Credentials {
  /** The tenant of a key that names none, and the owner likewise. */
  private static final String DEFAULT = "default";

  private static final String NAME = "[A-Za-z0-9][A-Za-z0-9._@-]{0,127}";
  private static final Pattern ITEM =
      Pattern.compile(
          "(?:(?:(" + NAME + ")/)?(" + NAME + "):)??(?:sha256:([0-9a-fA-F]{64})|([^:,\\s]+))");

  /** From here on guessing is hopeless even for keys that are not quite random. */
  private static final int MIN_KEY_CHARS = 16;

  private static final Pattern KEY =
      Pattern.compile("[A-Za-z0-9_.~+/=-]{" + MIN_KEY_CHARS + ",256}");

  /** All keys are compared with each request's. */
  private static final int MAX_KEYS = 1000;

  private final List<Entry> entries;

  private ApiKeys(List<Entry> entries) {
    this.entries = List.copyOf(entries);
  }

  @SuppressWarnings("ArrayRecordComponent") // Private, and compared in constant time only.
  private record Entry(Caller caller, byte[] hash) {}

  /**
   * Reads the list.
   *
   * @throws PerdureException CONFIG; its text names an item by its number, never by its content
   */
  public static ApiKeys parse(String list) {
    List<Entry> entries = new ArrayList<>();
    int unnamed = 0;
    String[] items = list.split(",", -1);
    for (int i = 0; i < items.length; i++) {
      String item = items[i].strip();
      if (item.isEmpty()) {
        continue;
      }
      Matcher form = ITEM.matcher(item);
      if (!form.matches()) {
        throw illegal(
            i,
            "is not of the form 'key', 'owner:key' or 'tenant/owner:key' (or 'sha256:' with 64"
                + " hex digits in the place of the key). Check it for stray characters.");
      }
      unnamed += form.group(2) == null ? 1 : 0;
      entries.add(new Entry(caller(form), hash(i, form)));
    }
    check(entries, unnamed);
    return new ApiKeys(entries);
  }

  private static void check(List<Entry> entries, int unnamed) {
    if (entries.isEmpty() || entries.size() > MAX_KEYS) {
      throw illegal(
          "auth.apiKeys holds " + entries.size() + " keys. Give it 1 to " + MAX_KEYS + ".");
    }
    if (unnamed > 1) {
      throw illegal(
          "auth.apiKeys holds "
              + unnamed
              + " keys without an owner, whose holders would see each"
              + " other's sessions. Write 'owner:key', with the same owner only if that is meant.");
    }
    for (int i = 0; i < entries.size(); i++) {
      for (int j = 0; j < i; j++) {
        if (MessageDigest.isEqual(entries.get(i).hash(), entries.get(j).hash())) {
          throw illegal(i, "is the same key as item " + (j + 1) + ". Give each owner its own.");
        }
      }
    }
  }

  private static Caller caller(Matcher form) {
    String tenant = form.group(1);
    String owner = form.group(2);
    return new Caller(tenant == null ? DEFAULT : tenant, owner == null ? DEFAULT : owner);
  }

  private static byte[] hash(int index, Matcher form) {
    @Nullable String hex = form.group(3);
    if (hex != null) {
      return HexFormat.of().parseHex(hex);
    }
    if (!KEY.matcher(form.group(4)).matches()) {
      throw illegal(
          index,
          "has fewer than "
              + MIN_KEY_CHARS
              + " or more than 256 characters, or one that is"
              + " not of A-Z a-z 0-9 - _ . ~ + / =. Make a key with 'openssl rand -hex 24'.");
    }
    return sha256(form.group(4));
  }

  @Override
  public Optional<Caller> check(String credential) {
    byte[] hash = sha256(credential);
    Caller found = null;
    // No early end: the time tells neither which key it was nor how much of it was right.
    for (Entry entry : entries) {
      if (MessageDigest.isEqual(entry.hash(), hash)) {
        found = entry.caller();
      }
    }
    return Optional.ofNullable(found);
  }

  private static byte[] sha256(String key) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }

  private static PerdureException illegal(int index, String message) {
    return illegal("Item " + (index + 1) + " of auth.apiKeys " + message);
  }

  private static PerdureException illegal(String message) {
    return new PerdureException(ErrorCode.CONFIG, message);
  }
}
