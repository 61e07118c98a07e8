package dev.perdure.context;

import dev.perdure.chat.Message;
import dev.perdure.chat.ToolOrder;
import dev.perdure.chat.Turn;
import dev.perdure.context.Offered.Told;
import dev.perdure.db.Tx;
import dev.perdure.protocol.Json;
import dev.perdure.provider.ModelRequest.ToolSpec;
import dev.perdure.retrieval.WordRank;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which tools a model is told of when there are more than it is worth telling: first those that the
 * session has used lately, then those whose names and descriptions share most with the message, the
 * rarer words counting more. The order is stored with the turn when it is first needed, so that all
 * lanes, steps and later holders of the turn go by the same one. Stateless.
 */
public final class ToolChoice {
  /** Names of one turn that are kept in their order: as many as any vendor takes. */
  private static final int MAX_KEPT = 128;

  /** How many turns back a tool still counts as used lately. */
  private static final int USED_TURNS = 100;

  /** A message that is not longer, in UTF-16 units, may need what was said before it. */
  private static final int SHORT_MESSAGE = 60;

  /** Messages before it that are then read as well, and how much of each, in UTF-16 units. */
  private static final int MESSAGES_BEFORE = 3;

  private static final int MESSAGE_CHARS = 4_000;

  private ToolChoice() {}

  /** About how many tokens it costs to tell a model of a tool; no vendor says exactly. */
  static int tokens(ToolSpec spec) {
    int words =
        TokenCounter.estimate(spec.name())
            + TokenCounter.estimate(spec.description())
            + TokenCounter.estimate(Json.text(spec.schema()));
    return (int) Math.ceil(words * ModelFamily.ESTIMATED);
  }

  /** Whether all of them may be told. */
  public static boolean fits(List<Told> all, int maxTools, int maxTokens) {
    return all.size() <= maxTools && all.stream().mapToInt(Told::tokens).sum() <= maxTokens;
  }

  /**
   * What is told of: all, or what of the order has room. It stands as it does in the list, because
   * vendors keep what begins the same way.
   *
   * @param order names, the most wanted first; null for no need to choose
   */
  public static Offered take(
      List<Told> all, @Nullable List<String> order, int maxTools, int maxTokens) {
    if (order == null) {
      return new Offered(all, 0);
    }
    Map<String, Told> byName = new HashMap<>();
    all.forEach(told -> byName.put(told.spec().name(), told));
    Set<String> taken = new HashSet<>();
    int tokens = 0;
    for (String name : order) {
      @Nullable Told told = byName.get(name);
      if (told != null && taken.size() < maxTools && told.tokens() <= maxTokens - tokens) {
        taken.add(name);
        tokens += told.tokens();
      }
    }
    List<Told> out = all.stream().filter(told -> taken.contains(told.spec().name())).toList();
    return new Offered(out, all.size() - out.size());
  }

  /**
   * The order in which a turn's tools are wanted; made and stored at the first time. The turn's row
   * is locked.
   *
   * @param first names of those that come before all others
   */
  public static List<String> order(Tx tx, Turn turn, Set<String> first, List<Told> all)
      throws SQLException {
    @Nullable List<String> known = ToolOrder.stored(tx, turn.id());
    if (known != null) {
      return known;
    }
    Set<String> out = new LinkedHashSet<>(first);
    Set<String> names = new HashSet<>();
    all.forEach(told -> names.add(told.spec().name()));
    ToolOrder.used(tx, turn.session(), USED_TURNS, MAX_KEPT).stream()
        .filter(names::contains)
        .forEach(out::add);
    List<String> texts =
        all.stream().map(told -> told.spec().name() + " " + told.spec().description()).toList();
    double[] scores = WordRank.scores(asked(tx, turn), texts);
    List<Integer> places = new ArrayList<>();
    for (int i = 0; i < all.size(); i++) {
      places.add(i);
    }
    // Stable, so that of equals the one comes first that is listed first.
    places.sort(Comparator.comparingDouble(i -> -scores[i]));
    places.forEach(i -> out.add(all.get(i).spec().name()));
    List<String> order = out.stream().limit(MAX_KEPT).toList();
    ToolOrder.store(tx, turn.id(), order);
    return order;
  }

  /** The user's message; if that says little, as "yes, do it" does, what was said before it too. */
  private static String asked(Tx tx, Turn turn) throws SQLException {
    List<Message> said =
        ToolOrder.upTo(
            tx,
            turn.session(),
            turn.userMessage(),
            MESSAGES_BEFORE + 1,
            MESSAGES_BEFORE * MESSAGE_CHARS);
    if (said.isEmpty()) {
      return "";
    }
    boolean enough = said.getLast().text().length() > SHORT_MESSAGE;
    StringBuilder text = new StringBuilder();
    // The latest first: of a question only so many words are looked for.
    for (Message message : enough ? List.of(said.getLast()) : said.reversed()) {
      String one = message.text();
      text.append(one, 0, Math.min(one.length(), MESSAGE_CHARS)).append('\n');
    }
    return text.toString();
  }
}
