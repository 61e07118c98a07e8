package dev.perdure.protocol;

import java.security.SecureRandom;
import java.time.InstantSource;
import java.util.random.RandomGenerator;

/**
 * Makes ids such as {@code turn_06ewx3k8s1m2v9q7c4b5n0trfg}: a prefix that says what it names, then
 * 26 characters of Crockford's base 32 (lower case) with 48 bits of time in milliseconds and 80
 * random bits, as ULIDs have them (github.com/ulid/spec). Ids sort by creation time to the
 * millisecond; they are not secrets.
 *
 * <p>Thread-safe if the random generator is.
 */
public final class Ids {
  private static final char[] ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz".toCharArray();

  private final InstantSource clock;
  private final RandomGenerator random;

  public Ids(InstantSource clock, RandomGenerator random) {
    this.clock = clock;
    this.random = random;
  }

  /** Ids from the system clock and a strong random source. */
  public static Ids system() {
    return new Ids(InstantSource.system(), new SecureRandom());
  }

  public String session() {
    return next("sess_");
  }

  public String message() {
    return next("msg_");
  }

  public String turn() {
    return next("turn_");
  }

  public String call() {
    return next("call_");
  }

  public String document() {
    return next("doc_");
  }

  public String share() {
    return next("shr_");
  }

  public String file() {
    return next("file_");
  }

  public String schedule() {
    return next("sched_");
  }

  public String summary() {
    return next("sum_");
  }

  public String node() {
    return next("node_");
  }

  private String next(String prefix) {
    char[] out = new char[prefix.length() + 26];
    prefix.getChars(0, prefix.length(), out, 0);
    int at = prefix.length();
    long time = clock.millis();
    for (int shift = 45; shift >= 0; shift -= 5) {
      out[at++] = ALPHABET[(int) (time >>> shift) & 31];
    }
    long high = random.nextLong();
    long low = random.nextLong();
    for (int shift = 35; shift >= 0; shift -= 5) {
      out[at++] = ALPHABET[(int) (high >>> shift) & 31];
    }
    for (int shift = 35; shift >= 0; shift -= 5) {
      out[at++] = ALPHABET[(int) (low >>> shift) & 31];
    }
    return new String(out);
  }
}
