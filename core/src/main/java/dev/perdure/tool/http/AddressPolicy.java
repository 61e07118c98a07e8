package dev.perdure.tool.http;

import dev.perdure.provider.http.Addresses;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Which addresses may be called: those of the public internet, and those that the operator allows.
 * A name is resolved here, once, and the connection goes to an address that was checked, so that a
 * name which leads elsewhere a moment later gains nothing. Thread-safe.
 *
 * <p>Refused is what IANA's registries of special-purpose addresses do not call globally reachable:
 * loopback, private, link-local (where clouds keep their metadata services), shared, multicast and
 * reserved ones; and, of IPv6 addresses that stand for one of IPv4, those whose IPv4 is refused.
 */
public final class AddressPolicy implements Addresses {
  /** Of IPv4, all that is not public. 168.63.129.16 is Azure's own, though it looks public. */
  private static final List<Range> REFUSED =
      Range.all(
          "0.0.0.0/8",
          "10.0.0.0/8",
          "100.64.0.0/10",
          "127.0.0.0/8",
          "169.254.0.0/16",
          "172.16.0.0/12",
          "192.0.0.0/24",
          "192.0.2.0/24",
          "192.88.99.0/24",
          "192.168.0.0/16",
          "198.18.0.0/15",
          "198.51.100.0/24",
          "203.0.113.0/24",
          "224.0.0.0/4",
          "240.0.0.0/4",
          "168.63.129.16/32",
          "2001::/23",
          "2001:db8::/32",
          "2002::/16",
          "3fff::/20");

  /** Of IPv6, what is public is in here. */
  private static final Range GLOBAL = Range.of("2000::/3");

  /** Of IPv6, what a translator maps to IPv4: the last four bytes count. */
  private static final Range NAT64 = Range.of("64:ff9b::/96");

  /** The first bytes of ::ffff:0:0/96. */
  private static final byte[] MAPPED = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1};

  private final List<Range> allowed;
  private final Addresses names;

  /**
   * @param allowed addresses and ranges (CIDR) that may be called although they are not public
   * @param names finds the addresses of a host
   * @throws IllegalArgumentException if one of them is none
   */
  public AddressPolicy(List<String> allowed, Addresses names) {
    this.allowed = allowed.stream().map(Range::of).toList();
    this.names = names;
  }

  @Override
  public List<InetAddress> of(String host) throws IOException {
    List<InetAddress> out = new ArrayList<>();
    for (InetAddress address : names.of(host)) {
      if (allows(address)) {
        out.add(address);
      }
    }
    if (out.isEmpty()) {
      throw new ForbiddenAddressException(host);
    }
    return out;
  }

  boolean allows(InetAddress address) {
    byte[] bytes = plain(address.getAddress());
    return allowed.stream().anyMatch(range -> range.holds(bytes)) || isPublic(bytes);
  }

  private static boolean isPublic(byte[] bytes) {
    if (bytes.length == 16 && !GLOBAL.holds(bytes)) {
      return false;
    }
    return REFUSED.stream().noneMatch(range -> range.holds(bytes));
  }

  /** The address that is meant: IPv4 for one that only stands for it. */
  private static byte[] plain(byte[] bytes) {
    return mapped(bytes) || NAT64.holds(bytes) ? Arrays.copyOfRange(bytes, 12, 16) : bytes;
  }

  /** Of the form ::ffff:1.2.3.4, which Java itself takes for IPv4, but others need not. */
  private static boolean mapped(byte[] bytes) {
    return bytes.length == 16 && Arrays.equals(bytes, 0, MAPPED.length, MAPPED, 0, MAPPED.length);
  }

  /** A host none of whose addresses may be called. */
  public static final class ForbiddenAddressException extends IOException {
    private static final long serialVersionUID = 1L;

    ForbiddenAddressException(String host) {
      super(
          "'"
              + host
              + "' leads to no address that may be called: it is not public, and not in"
              + " tools.allowedAddresses.");
    }
  }

  /** Addresses with the same first bits. Immutable. */
  private static final class Range {
    private final byte[] first;
    private final int bits;

    private Range(byte[] first, int bits) {
      this.first = first;
      this.bits = bits;
    }

    static List<Range> all(String... texts) {
      return Arrays.stream(texts).map(Range::of).toList();
    }

    static Range of(String text) {
      int slash = text.indexOf('/');
      String address = slash < 0 ? text : text.substring(0, slash);
      try {
        // A name would be looked up; an address has only these.
        if (!address.matches("[0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*")) {
          throw new UnknownHostException(address);
        }
        byte[] bytes = InetAddress.getByName(address).getAddress();
        int all = bytes.length * 8;
        int bits = slash < 0 ? all : Integer.parseInt(text.substring(slash + 1));
        if (bits < 0 || bits > all) {
          throw new NumberFormatException(text);
        }
        return new Range(bytes, bits);
      } catch (UnknownHostException | NumberFormatException e) {
        throw new IllegalArgumentException(
            "'" + text + "' is no address and no range of them. Write 10.1.0.0/16 or fd00::/8.", e);
      }
    }

    boolean holds(byte[] address) {
      if (address.length != first.length) {
        return false;
      }
      for (int bit = 0; bit < bits; bit += 8) {
        int mask = bits - bit >= 8 ? 0xFF : 0xFF << (8 - (bits - bit)) & 0xFF;
        if (((address[bit / 8] ^ first[bit / 8]) & mask) != 0) {
          return false;
        }
      }
      return true;
    }
  }
}
