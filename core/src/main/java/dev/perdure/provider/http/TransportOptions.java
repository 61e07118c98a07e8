package dev.perdure.provider.http;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import javax.net.ssl.SSLSocketFactory;
import org.jspecify.annotations.Nullable;

/**
 * How providers are reached.
 *
 * @param maxIdleConnections kept open per origin for later calls
 * @param idleTime how long; shorter than the vendors' own limit, so that few are found closed
 * @param maxHandshakes TLS handshakes at a time; a thousand at once lose most of them
 * @param tls makes TLS sockets
 * @param proxy for {@code https} origins, by CONNECT; null for none
 * @param noProxy hosts that are called directly: exact names, or domains with their subdomains
 * @param addresses which addresses a host has
 */
public record TransportOptions(
    int maxIdleConnections,
    Duration idleTime,
    int maxHandshakes,
    SSLSocketFactory tls,
    @Nullable URI proxy,
    List<String> noProxy,
    Addresses addresses) {

  public TransportOptions {
    noProxy = List.copyOf(noProxy);
  }

  /** The addresses that the system knows. */
  public TransportOptions(
      int maxIdleConnections,
      Duration idleTime,
      int maxHandshakes,
      SSLSocketFactory tls,
      @Nullable URI proxy,
      List<String> noProxy) {
    this(maxIdleConnections, idleTime, maxHandshakes, tls, proxy, noProxy, Addresses.SYSTEM);
  }

  /** Without a proxy, with the JDK's trust store. */
  public static TransportOptions defaults() {
    return new TransportOptions(
        256,
        Duration.ofSeconds(30),
        16,
        (SSLSocketFactory) SSLSocketFactory.getDefault(),
        null,
        List.of());
  }

  public TransportOptions withTls(SSLSocketFactory factory) {
    return new TransportOptions(
        maxIdleConnections, idleTime, maxHandshakes, factory, proxy, noProxy, addresses);
  }

  public TransportOptions withProxy(@Nullable URI newProxy, List<String> direct) {
    return new TransportOptions(
        maxIdleConnections, idleTime, maxHandshakes, tls, newProxy, direct, addresses);
  }

  /** For calls that must not be made twice unasked: each has a connection of its own. */
  public TransportOptions oneCallPerConnection(Addresses others) {
    return new TransportOptions(0, idleTime, maxHandshakes, tls, null, List.of(), others);
  }
}
