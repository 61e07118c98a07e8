package dev.perdure.tool.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.tool.http.AddressPolicy.ForbiddenAddressException;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AddressPolicyTest {
  private static final AddressPolicy PUBLIC = policy();

  private static AddressPolicy policy(String... allowed) {
    return new AddressPolicy(List.of(allowed), host -> List.of(InetAddress.getAllByName(host)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "255.255.255.255",
        "168.63.129.16",
        "::",
        "::1",
        "fe80::1",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2001::1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "::7f00:1",
        "4000::1"
      })
  void what_is_not_public_is_refused(String address) throws IOException {
    assertThat(PUBLIC.allows(InetAddress.getByName(address))).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.167.1.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "64:ff9b::808:808"
      })
  void what_is_public_is_not(String address) throws IOException {
    assertThat(PUBLIC.allows(InetAddress.getByName(address))).isTrue();
  }

  @Test
  void an_address_of_IPv4_in_the_clothes_of_IPv6_is_what_it_stands_for() throws IOException {
    byte[] bytes = new byte[16];
    bytes[10] = -1;
    bytes[11] = -1;
    bytes[12] = 127;
    bytes[15] = 1;
    // By this road Java does not turn it into IPv4 by itself.
    assertThat(PUBLIC.allows(Inet6Address.getByAddress(null, bytes, -1))).isFalse();
    assertThat(policy("127.0.0.1").allows(Inet6Address.getByAddress(null, bytes, -1))).isTrue();
    bytes[12] = 8;
    assertThat(PUBLIC.allows(Inet6Address.getByAddress(null, bytes, -1))).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1", "localhost", "2130706433", "127.1", "::ffff:127.0.0.1", "0"})
  void however_loopback_is_spelt_it_is_refused(String host) {
    assertThatThrownBy(() -> PUBLIC.of(host)).isInstanceOf(IOException.class);
  }

  @Test
  void an_operator_can_allow_addresses_and_ranges() throws IOException {
    AddressPolicy policy = policy("10.1.0.0/16", "fd00:1::/32", "127.0.0.1", "192.168.7.128/25");
    assertThat(policy.allows(InetAddress.getByName("10.1.255.1"))).isTrue();
    assertThat(policy.allows(InetAddress.getByName("10.2.0.1"))).isFalse();
    assertThat(policy.allows(InetAddress.getByName("fd00:1:ffff::1"))).isTrue();
    assertThat(policy.allows(InetAddress.getByName("fd00:2::1"))).isFalse();
    assertThat(policy.allows(InetAddress.getByName("127.0.0.2"))).isFalse();
    assertThat(policy.allows(InetAddress.getByName("192.168.7.200"))).isTrue();
    assertThat(policy.allows(InetAddress.getByName("192.168.7.100"))).isFalse();
    assertThat(policy.of("127.0.0.1")).hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "localhost", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0", "1.2.3.4/x"})
  void what_is_no_range_is_refused(String text) {
    assertThatThrownBy(() -> policy(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'" + text + "'");
  }

  @Test
  void of_several_addresses_those_that_are_allowed_are_used() throws IOException {
    InetAddress open = InetAddress.getByName("1.1.1.1");
    InetAddress closed = InetAddress.getByName("10.0.0.1");
    AddressPolicy policy = new AddressPolicy(List.of(), host -> List.of(closed, open));
    assertThat(policy.of("mixed.example")).containsExactly(open);
    AddressPolicy none = new AddressPolicy(List.of(), host -> List.of(closed));
    assertThatThrownBy(() -> none.of("inner.example"))
        .isInstanceOf(ForbiddenAddressException.class)
        .hasMessageContaining("'inner.example'")
        .hasMessageNotContaining("10.0.0.1");
  }
}
