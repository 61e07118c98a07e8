package dev.perdure.chat;

import dev.perdure.chat.Message.Part;
import java.util.List;
import java.util.Locale;

/**
 * A message as a door has read and checked it.
 *
 * @param parts what the user wrote; not blank, unless there are files
 * @param files that belong to the message
 * @param whenBusy what to do if an earlier turn of the session is still open
 * @param origin where the message goes; where it is another reply to a message that is there
 *     already, there are no parts
 */
public record NewTurn(
    List<Part> parts, List<FileAt> files, TurnRequest request, WhenBusy whenBusy, Origin origin) {
  public NewTurn {
    parts = List.copyOf(parts);
    files = List.copyOf(files);
  }

  /**
   * A file of the caller's.
   *
   * @param after how many parts of the message come before it
   */
  public record FileAt(String file, int after) {}

  /** A message without files. */
  public NewTurn(List<Part> parts, TurnRequest request, WhenBusy whenBusy, Origin origin) {
    this(parts, List.of(), request, whenBusy, origin);
  }

  public NewTurn(List<Part> parts, TurnRequest request, WhenBusy whenBusy) {
    this(parts, request, whenBusy, Origin.PLAIN);
  }

  /** The same message; where it does not say something, what its session says. */
  NewTurn withDefaults(Session.Settings session) {
    return new NewTurn(parts, files, request.withDefaults(session), whenBusy, origin);
  }

  /** What becomes of a message to a session whose earlier turn is not over. */
  public enum WhenBusy {
    /** Refuse it with {@code session_busy}. */
    REJECT,
    /** Answer it after the others, in order. The default. */
    ENQUEUE,
    /** Cancel what is open, then answer it. */
    INTERRUPT;

    public String wire() {
      return name().toLowerCase(Locale.ROOT);
    }
  }
}
