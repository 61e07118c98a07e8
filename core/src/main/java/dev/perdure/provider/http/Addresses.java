package dev.perdure.provider.http;

import java.io.IOException;
import java.net.InetAddress;
import java.util.List;

/**
 * Finds the addresses of a host. A connection is made to one of exactly these, so that what was
 * checked here is what is connected to. Implementations are thread-safe.
 */
@FunctionalInterface
public interface Addresses {
  /** Those that the system knows. */
  Addresses SYSTEM = host -> List.of(InetAddress.getAllByName(host));

  /**
   * @param host a name or an address, IPv6 without brackets
   * @throws IOException if there is none, or none may be used; the text says why
   */
  List<InetAddress> of(String host) throws IOException;
}
