package dev.perdure.bench;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * What speaks the wire of OpenAI's chat completions and keeps nothing: the {@link PlainProxy}, or
 * any server that runs already, whose processes are not ours to measure.
 */
final class ProxyStack implements Stack {
  private static final Pattern READY = Pattern.compile("ready at http://([\\w.\\[\\]:]+:\\d+)");

  private final List<Child> servers;
  private final InetSocketAddress address;

  private ProxyStack(List<Child> servers, InetSocketAddress address) {
    this.servers = servers;
    this.address = address;
  }

  static ProxyStack start(Ground ground) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(Ground.jvm());
    command.addAll(ground.options().serverJvm());
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(PlainProxy.class.getName(), ground.upstream()));
    Child proxy = ground.start("proxy", command, Map.of());
    return new ProxyStack(List.of(proxy), Ground.address(proxy.awaitReady(READY)));
  }

  /**
   * @param hostAndPort of a server with {@code POST /v1/chat/completions}
   */
  static ProxyStack running(String hostAndPort) {
    return new ProxyStack(List.of(), Ground.address(hostAndPort));
  }

  @Override
  public InetSocketAddress address() {
    return address;
  }

  @Override
  public User user(Phase phase) {
    return new ProxyUser(phase);
  }

  @Override
  public List<Child> servers() {
    return servers;
  }

  @Override
  public List<ProcessHandle> databases() {
    return List.of();
  }
}
