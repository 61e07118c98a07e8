package dev.perdure.server;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * SIGTERM and SIGINT as something to wait for, so that the server stops on its own thread, while
 * logging still works, and ends with its own exit code; a shutdown hook gives neither. A second
 * signal ends the process at once. Thread-safe.
 *
 * <p>The class {@code sun.misc.Signal} is part of every JDK that is known to run Perdure (module
 * jdk.unsupported, JEP 260), but javac warns of its name, hence the reflection. Where it is missing
 * the process ends at the first signal, as after a crash: nothing accepted is lost.
 */
final class StopSignal {
  private static final System.Logger LOG = System.getLogger(StopSignal.class.getName());
  private static final List<String> NAMES = List.of("TERM", "INT");

  /** What a shell reports for a process that SIGINT has ended. */
  private static final int EXIT_AT_ONCE = 130;

  private final CountDownLatch first = new CountDownLatch(1);
  private final AtomicInteger count = new AtomicInteger();

  private StopSignal() {}

  /** Catches the signals from now on. */
  @SuppressWarnings("ReferenceEquality") // A proxy is equal to itself only.
  static StopSignal install() {
    StopSignal signal = new StopSignal();
    InvocationHandler handler =
        (proxy, method, args) ->
            switch (method.getName()) {
              case "handle" -> {
                signal.caught();
                yield null;
              }
              case "hashCode" -> System.identityHashCode(proxy);
              case "equals" -> args != null && proxy == args[0];
              default -> "StopSignal";
            };
    try {
      Class<?> type = Class.forName("sun.misc.Signal");
      Class<?> handlerType = Class.forName("sun.misc.SignalHandler");
      Object proxy =
          Proxy.newProxyInstance(
              StopSignal.class.getClassLoader(), new Class<?>[] {handlerType}, handler);
      for (String name : NAMES) {
        Object each = type.getConstructor(String.class).newInstance(name);
        type.getMethod("handle", type, handlerType).invoke(null, each, proxy);
      }
    } catch (ReflectiveOperationException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          "Signals cannot be caught here, so a stop is not graceful; turns that run are taken up"
              + " by the next start.",
          e);
    }
    return signal;
  }

  private void caught() {
    if (count.incrementAndGet() > 1) {
      Runtime.getRuntime().halt(EXIT_AT_ONCE);
    }
    first.countDown();
  }

  /** Waits for the first signal. */
  void await() throws InterruptedException {
    first.await();
  }
}
