package dev.perdure.it.chaos;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.testing.Ports;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A TCP relay that can misbehave as networks do: refuse connections, reset them, hold bytes back
 * without a word, or be slow. Thread-safe; two virtual threads a connection.
 */
public final class Gate implements AutoCloseable {
  private static final int BUFFER_BYTES = 16 * 1024;
  private static final int BACKLOG = 512;

  private final int target;
  private final int port;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  @GuardedBy("lock")
  private @Nullable ServerSocket listener;

  @GuardedBy("lock")
  private boolean stalled;

  private volatile long delayMillis;

  /** Opens a gate in front of a port of this machine. */
  public Gate(int target) {
    this.target = target;
    this.port = Ports.free();
    heal();
  }

  public int port() {
    return port;
  }

  /** New connections are refused, the present ones are reset. */
  public void refuse() {
    lock.lock();
    try {
      if (listener != null) {
        listener.close();
        listener = null;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      lock.unlock();
    }
    cut();
  }

  /** Resets the present connections; new ones are welcome. */
  public void cut() {
    List<Socket> open = new ArrayList<>(sockets);
    open.forEach(Gate::reset);
  }

  /** Not a byte passes any more, and nobody is told. */
  public void stall() {
    lock.lock();
    try {
      stalled = true;
    } finally {
      lock.unlock();
    }
  }

  /** Every piece of data takes that much longer. */
  public void delay(long millis) {
    delayMillis = millis;
  }

  /** Everything passes again. */
  public void heal() {
    delayMillis = 0;
    lock.lock();
    try {
      stalled = false;
      changed.signalAll();
      if (listener == null) {
        listener = listen();
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    heal();
    refuse();
  }

  private ServerSocket listen() {
    try {
      ServerSocket socket = new ServerSocket();
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), BACKLOG);
      Thread.ofVirtual().name("gate").start(() -> accept(socket));
      return socket;
    } catch (IOException e) {
      throw new UncheckedIOException("The port " + port + " cannot be listened on", e);
    }
  }

  private void accept(ServerSocket from) {
    while (true) {
      Socket near;
      try {
        near = from.accept();
      } catch (IOException e) {
        return; // refuse() has closed it
      }
      Thread.ofVirtual().name("gate").start(() -> relay(near));
    }
  }

  private void relay(Socket near) {
    sockets.add(near);
    try {
      passage();
      Socket far = new Socket(InetAddress.getLoopbackAddress(), target);
      sockets.add(far);
      near.setTcpNoDelay(true);
      far.setTcpNoDelay(true);
      Thread back = Thread.ofVirtual().name("gate").start(() -> pump(far, near));
      pump(near, far);
      back.join();
      sockets.remove(far);
    } catch (IOException e) {
      // The far side is not there: as refused as one can be behind an accept.
      reset(near);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      sockets.remove(near);
    }
  }

  private void pump(Socket from, Socket to) {
    byte[] buffer = new byte[BUFFER_BYTES];
    try {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        if (delayMillis > 0) {
          Thread.sleep(delayMillis);
        }
        passage();
        out.write(buffer, 0, n);
      }
      passage();
      to.shutdownOutput();
    } catch (IOException e) {
      reset(from);
      reset(to);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void passage() {
    lock.lock();
    try {
      while (stalled) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  private static void reset(Socket socket) {
    try {
      socket.setSoLinger(true, 0);
      socket.close();
    } catch (IOException e) {
      // Gone already.
    }
  }
}
