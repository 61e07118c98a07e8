package dev.perdure.chat;

import dev.perdure.chat.Message.Part;
import dev.perdure.chat.Message.Role;
import dev.perdure.chat.NewTurn.FileAt;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where a message goes in its session, and what its client calls it. Immutable.
 *
 * @param spot behind which message
 * @param name the client's own id of the message; null if it has none
 * @param earlier messages that came along and are not stored yet; they go between the spot and the
 *     message, oldest first
 * @param note JSON that the door wants to have again with the turn; null for none
 */
public record Origin(
    Spot spot, @Nullable String name, List<Earlier> earlier, @Nullable String note) {

  /** Behind the newest reply, without a name: what a client means that says nothing. */
  public static final Origin PLAIN = new Origin(new Spot.Newest(), null, List.of(), null);

  public Origin {
    earlier = List.copyOf(earlier);
  }

  /** A place in the tree of messages that a session is. */
  public sealed interface Spot {
    /** Behind the first lane's reply of the newest turn. */
    record Newest() implements Spot {}

    /**
     * Behind this message of the session, which makes a branch if something else is there.
     *
     * @param parent null for the beginning
     */
    record Under(@Nullable String parent) implements Spot {}

    /** No new message: another reply to this user message of the session. */
    record Again(String userMessage) implements Spot {}
  }

  /**
   * A message from before, as the client tells it.
   *
   * @param files that belong to it
   */
  public record Earlier(Role role, List<Part> parts, List<FileAt> files) {
    public Earlier {
      parts = List.copyOf(parts);
      files = List.copyOf(files);
    }

    /** A message without files. */
    public Earlier(Role role, List<Part> parts) {
      this(role, parts, List.of());
    }
  }
}
