package dev.perdure.chat;

import dev.perdure.log.LogBlock;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a transaction of the {@link Desk} leaves to do after its commit. Used by one thread. */
final class Accepted {
  @Nullable Turn turn;

  /** Whether there is one more open turn. */
  boolean opened;

  boolean started;
  final List<LogBlock> blocks = new ArrayList<>();
  final List<String> intents = new ArrayList<>();
  final List<String> ended = new ArrayList<>();
  final List<String> woken = new ArrayList<>();

  static Accepted replayed(Turn turn) {
    Accepted out = new Accepted();
    out.turn = turn;
    return out;
  }
}
