package dev.perdure.bench;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.PriorityQueue;
import java.util.function.BooleanSupplier;

/**
 * All clients of the load driver on one selector: connections and timers. Everything runs on the
 * thread that calls {@link #run}, so nothing here or in the clients needs a lock.
 */
final class ClientLoop implements AutoCloseable {
  private static final int READ_BYTES = 64 * 1024;

  private final Selector selector;
  private final ByteBuffer input = ByteBuffer.allocateDirect(READ_BYTES);
  private final byte[] bytes = new byte[READ_BYTES];
  private final PriorityQueue<Timer> timers = new PriorityQueue<>();
  private long order;

  ClientLoop() throws IOException {
    selector = Selector.open();
  }

  private record Timer(long atNanos, long order, Runnable task) implements Comparable<Timer> {
    @Override
    public int compareTo(Timer other) {
      int byTime = Long.compare(atNanos - other.atNanos, 0);
      return byTime != 0 ? byTime : Long.compare(order, other.order);
    }
  }

  /** Microseconds since 1970: the clock of the provider's stamps. */
  static long nowMicros() {
    java.time.Instant now = java.time.InstantSource.system().instant();
    return now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
  }

  /** Runs the task at that {@link System#nanoTime} or soon after. */
  void at(long nanos, Runnable task) {
    timers.add(new Timer(nanos, order++, task));
  }

  void after(long millis, Runnable task) {
    at(System.nanoTime() + millis * 1_000_000, task);
  }

  HttpConnection connect(InetSocketAddress address) throws IOException {
    SocketChannel channel = SocketChannel.open();
    channel.configureBlocking(false);
    channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
    HttpConnection connection = new HttpConnection(channel, address);
    connection.register(selector);
    channel.connect(address);
    return connection;
  }

  /**
   * Serves until that is true.
   *
   * @return false if the time was over before
   */
  boolean run(BooleanSupplier done, long limitMillis) throws IOException {
    long end = System.nanoTime() + limitMillis * 1_000_000;
    while (!done.getAsBoolean()) {
      long now = System.nanoTime();
      if (now - end >= 0) {
        return false;
      }
      Timer first = timers.peek();
      long until = first == null ? end : Math.min(first.atNanos - now, end - now) + now;
      long wait = (until - now) / 1_000_000;
      if (wait <= 0) {
        selector.selectNow(this::serve);
      } else {
        selector.select(this::serve, wait);
      }
      runTimers();
    }
    return true;
  }

  private void runTimers() {
    for (Timer next = timers.peek();
        next != null && next.atNanos - System.nanoTime() <= 0;
        next = timers.peek()) {
      timers.remove();
      next.task.run();
    }
  }

  private void serve(SelectionKey key) {
    HttpConnection connection = (HttpConnection) key.attachment();
    try {
      if (key.isConnectable()) {
        connection.finishConnect();
      }
      if (key.isValid() && key.isWritable()) {
        connection.flush();
      }
      if (key.isValid() && key.isReadable()) {
        read(connection);
      }
    } catch (IOException e) {
      connection.fail(e.toString());
    }
  }

  private void read(HttpConnection connection) throws IOException {
    input.clear();
    int count = connection.read(input);
    if (count < 0) {
      connection.endOfInput();
    } else if (count > 0) {
      input.flip();
      input.get(bytes, 0, count);
      connection.take(bytes, count, nowMicros());
    }
  }

  @Override
  public void close() throws IOException {
    for (SelectionKey key : selector.keys()) {
      key.channel().close();
    }
    selector.close();
  }
}
