package dev.perdure.log;

/** Somebody else has just written at the same place of a log; read it again and repeat. */
public final class LogForkedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  LogForkedException(String turn, long seq) {
    super("The log of turn " + turn + " already has an event " + seq + ".");
  }
}
