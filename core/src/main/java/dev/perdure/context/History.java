package dev.perdure.context;

import dev.perdure.chat.Message;
import dev.perdure.chat.Message.Role;
import dev.perdure.chat.Message.Status;
import dev.perdure.context.ContextUse.Shown;
import dev.perdure.context.ContextUse.Why;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelRequest.ModelFile;
import dev.perdure.provider.ModelRequest.ModelMessage;
import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The messages of a session that a model is shown: the chain of parents from the newest user
 * message up, as much of it as fits. Where a reply on the chain is not complete and another lane of
 * its turn is, that one stands in; a reply that was cut short counts with the text that it has.
 * Used by one thread.
 */
final class History {
  /** What vendors add to each message for its role and its ends, in tokens. */
  static final int TOKENS_AROUND = 4;

  private final TokenCounter counter;
  private final ModelFamily family;
  private final ContextSettings settings;
  private final List<Link> chain;

  /**
   * @param read the newest messages of the session
   * @param last the user's message that is to be answered; shown whatever its length
   */
  History(
      TokenCounter counter,
      ModelFamily family,
      ContextSettings settings,
      List<Message> read,
      String last) {
    this.counter = counter;
    this.family = family;
    this.settings = settings;
    this.chain = chain(read, last);
  }

  /**
   * @param kept newest first, ending with the user's
   * @param ids of the messages
   * @param exact whether the tokens were counted by the model's own encoding
   * @param leftOut messages of the session before the first that is shown
   * @param why messages that no summary covers were left out; NONE if there are none
   */
  record Chosen(
      List<Link> kept, List<Shown> shown, Set<String> ids, boolean exact, long leftOut, Why why) {}

  /**
   * A message of the chain.
   *
   * @param node the message in whose place it is shown; mostly itself
   */
  record Link(String node, Message message, String text) {
    int fileTokens() {
      return message.files().stream().mapToInt(Attachments::tokens).sum();
    }
  }

  /** Those behind what a summary covers, newest first; null for none is all of them. */
  List<Link> behind(@Nullable Summary since) {
    if (since == null) {
      return chain;
    }
    int end = 0;
    while (end < chain.size() && !chain.get(end).node.equals(since.upTo())) {
      end++;
    }
    return chain.subList(0, end);
  }

  /** Whether a summary is of this branch. */
  boolean holds(Summary summary) {
    return chain.stream().anyMatch(link -> link.node.equals(summary.upTo()));
  }

  /** Tokens of a message with its files, by the model's own encoding where there is one. */
  int cost(Link link) {
    return TOKENS_AROUND
        + (family.encoding() != null ? counted(link) : estimated(link.text))
        + link.fileTokens();
  }

  /** Tokens of a summary with what is said around it. */
  int cost(Summary summary) {
    return Summary.TOKENS_AROUND + counter.count(family, summary.id(), summary.text());
  }

  /**
   * Chooses what fits, with a summary of what came before; null for none.
   *
   * @param budget tokens for all messages, the summary included
   */
  Chosen choose(int budget, @Nullable Summary since) {
    return since == null
        ? choose(budget, chain, false)
        : choose(budget - cost(since), behind(since), true);
  }

  private Chosen choose(int budget, List<Link> chain, boolean covered) {
    boolean exact = family.encoding() != null && estimated(chain) > budget;
    List<Link> kept = new ArrayList<>();
    List<Shown> shown = new ArrayList<>();
    Why why = Why.NONE;
    long tokens = 0;
    long chars = 0;
    for (Link link : chain) {
      int cost = TOKENS_AROUND + (exact ? counted(link) : estimated(link.text));
      int files = link.fileTokens();
      if (!kept.isEmpty() && tokens + cost + files > budget) {
        why = Why.WINDOW;
      } else if (!kept.isEmpty()
          && (kept.size() >= settings.messages()
              || chars + link.text.length() > settings.chars())) {
        why = Why.SETTINGS;
      }
      if (why != Why.NONE) {
        break;
      }
      tokens += cost + files;
      chars += link.text.length();
      kept.add(link);
      shown.add(new Shown(link.message.position(), cost));
    }
    // Models expect the user to have begun; vendors refuse what an assistant begins.
    boolean begun = covered && why == Why.NONE;
    while (!begun && kept.size() > 1 && kept.getLast().message.role() == Role.ASSISTANT) {
      kept.removeLast();
      shown.removeLast();
    }
    long first = kept.isEmpty() ? 0 : kept.getLast().message.position();
    boolean root = kept.isEmpty() || kept.getLast().message.parent() == null;
    if (!root && !covered && why == Why.NONE) {
      // The chain goes on beyond what was read.
      why = Why.SETTINGS;
    }
    return new Chosen(
        List.copyOf(kept),
        shown.reversed(),
        kept.stream().map(link -> link.message.id()).collect(Collectors.toSet()),
        exact,
        why == Why.NONE && !covered ? 0 : first,
        why);
  }

  private int counted(Link link) {
    return counter.count(family, link.message.id(), link.text);
  }

  private int estimated(String text) {
    return (int) Math.ceil(TokenCounter.estimate(text) * margin());
  }

  private long estimated(List<Link> chain) {
    long tokens = 0;
    for (Link link : chain) {
      tokens += TOKENS_AROUND + estimated(link.text) + link.fileTokens();
    }
    return tokens;
  }

  /** An estimate is trusted to say that everything fits only if it leaves room for its error. */
  private double margin() {
    return family.encoding() == null ? family.factor() : ModelFamily.ESTIMATED;
  }

  /** The chain with its texts, newest first; messages without text are passed over. */
  private static List<Link> chain(List<Message> read, String last) {
    Map<String, Message> byId = new HashMap<>();
    Map<String, List<Message>> byTurn = new HashMap<>();
    for (Message message : read) {
      byId.put(message.id(), message);
      byTurn.computeIfAbsent(message.turn(), id -> new ArrayList<>()).add(message);
    }
    List<Link> chain = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    @Nullable Message at = byId.get(last);
    while (at != null && seen.add(at.id())) {
      Message shown = at.role() == Role.USER ? at : standIn(at, byTurn);
      String text = shown.text();
      if (!text.isBlank() || !shown.files().isEmpty()) {
        chain.add(new Link(at.id(), shown, text));
      }
      at = at.parent() == null ? null : byId.get(at.parent());
    }
    return List.copyOf(chain);
  }

  private static Message standIn(Message reply, Map<String, List<Message>> byTurn) {
    if (reply.status() == Status.COMPLETE) {
      return reply;
    }
    return byTurn.getOrDefault(reply.turn(), List.of()).stream()
        .filter(m -> m.role() == Role.ASSISTANT && m.status() == Status.COMPLETE)
        .findFirst()
        .orElse(reply);
  }

  /** What a message of the chain brings with it. */
  @FunctionalInterface
  interface Files {
    Attachments.Parts of(Message message) throws SQLException;
  }

  /** The messages as a model is shown them, oldest first, beginning with the user's. */
  static List<ModelMessage> messages(Chosen chosen, Files files) throws SQLException {
    Deque<ModelMessage> out = new ArrayDeque<>();
    for (Link link : chosen.kept) {
      Attachments.Parts parts = files.of(link.message);
      prepend(out, link.message.role(), parts.text() + link.text, parts.files());
    }
    return List.copyOf(out);
  }

  /** Two messages of one role in a row, as after a reply without text, become one. */
  private static void prepend(
      Deque<ModelMessage> chain, Role from, String text, List<ModelFile> files) {
    ModelRequest.Role role =
        switch (from) {
          case USER -> ModelRequest.Role.USER;
          case ASSISTANT -> ModelRequest.Role.ASSISTANT;
        };
    @Nullable ModelMessage next = chain.peekFirst();
    if (next != null && next.role() == role) {
      chain.removeFirst();
      List<ModelFile> both = new ArrayList<>(files);
      both.addAll(next.files());
      chain.addFirst(new ModelMessage(role, text + "\n\n" + next.text(), both));
    } else {
      chain.addFirst(new ModelMessage(role, text, files));
    }
  }
}
