package dev.perdure.provider.http;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import dev.perdure.provider.ModelEvent;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Gathers the calls of tools in one answer, whose arguments come in pieces, and says them when the
 * answer is complete. For one thread.
 */
public final class Calls {
  private static final int MAX_CALLS = 64;

  /** Arguments of all calls together, in UTF-16 units. */
  private static final int MAX_CHARS = 1024 * 1024;

  private static final int MAX_NAME_CHARS = 128;
  private static final Pattern ID = Pattern.compile("[!-~]{1,256}");

  private static final class Call {
    final long index;
    @Nullable String id;
    String name = "";
    final StringBuilder arguments = new StringBuilder();

    Call(long index) {
      this.index = index;
    }
  }

  private final String provider;
  private final List<Call> calls = new ArrayList<>();
  private int chars;

  /**
   * @param provider for the text of a refusal
   */
  public Calls(String provider) {
    this.provider = provider;
  }

  public boolean isEmpty() {
    return calls.isEmpty();
  }

  /** A call begins at the vendor's place {@code index}. */
  public void begin(long index, @Nullable String id, @Nullable String name)
      throws ProviderException {
    if (calls.size() == MAX_CALLS) {
      throw tooMuch(MAX_CALLS + " calls of tools");
    }
    Call call = new Call(index);
    call.id = id;
    call.name = name == null ? "" : name;
    calls.add(call);
  }

  /** More of the arguments of the call that began last at this place. */
  public void more(long index, String arguments) throws ProviderException {
    if (arguments.isEmpty()) {
      return;
    }
    chars += arguments.length();
    if (chars > MAX_CHARS) {
      throw tooMuch(MAX_CHARS + " characters of arguments");
    }
    for (Call call : calls.reversed()) {
      if (call.index == index) {
        call.arguments.append(arguments);
        return;
      }
    }
  }

  /** Arguments that came whole at the end, in the place of the pieces. */
  public void whole(long index, String arguments) throws ProviderException {
    for (Call call : calls.reversed()) {
      if (call.index == index) {
        chars -= call.arguments.length();
        call.arguments.setLength(0);
        more(index, arguments);
        return;
      }
    }
  }

  /**
   * A piece of a server that is free with the numbers: it leaves out the index, gives all calls the
   * same one, or repeats id and name with each piece.
   */
  public void piece(
      @Nullable Long index, @Nullable String id, @Nullable String name, String arguments)
      throws ProviderException {
    @Nullable Call last = calls.isEmpty() ? null : calls.getLast();
    boolean another =
        last == null
            || (index != null && calls.stream().noneMatch(call -> call.index == index))
            || (id != null && !id.isEmpty() && last.id != null && !id.equals(last.id));
    if (last == null || another) {
      begin(index == null ? calls.size() : index, id, name);
    } else if (index == null || last.index == index) {
      last.id = last.id == null || last.id.isEmpty() ? id : last.id;
      last.name = last.name.isEmpty() && name != null ? name : last.name;
    }
    more(index == null ? calls.getLast().index : index, arguments);
  }

  /** Says the calls, in their order; to be called before the finish. */
  public List<ModelEvent.ToolCall> tell(Reply reply) {
    List<ModelEvent.ToolCall> out = new ArrayList<>();
    Set<String> ids = new HashSet<>();
    for (Call call : calls) {
      boolean usable = call.id != null && ID.matcher(call.id).matches() && ids.add(call.id);
      String name = Json.clean(call.name);
      ModelEvent.ToolCall event =
          new ModelEvent.ToolCall(
              usable ? call.id : null,
              name.length() <= MAX_NAME_CHARS
                  ? name
                  : Json.clean(name.substring(0, MAX_NAME_CHARS)),
              input(call.arguments.toString()));
      reply.call(event);
      out.add(event);
    }
    return out;
  }

  /**
   * Arguments that a vendor sends as an object, as text. What cannot be stored is made a text that
   * is none of an object, because written out it could look like other arguments.
   */
  public static String arguments(JsonNode object) {
    try {
      return Json.text(Json.clean(object));
    } catch (IllegalArgumentException e) {
      return e.getMessage() + ": " + object;
    }
  }

  /**
   * Arguments as {@link ModelEvent.ToolCall} has them: what is not an object of JSON is kept as a
   * string, for the refusal to show.
   */
  public static String input(String arguments) {
    if (arguments.isBlank()) {
      return "{}";
    }
    try {
      JsonNode tree = Json.MAPPER.readTree(arguments);
      if (tree.isObject()) {
        return Json.text(Json.clean(tree));
      }
    } catch (JsonProcessingException | IllegalArgumentException e) {
      // Said by what it is given as: a string.
    }
    return Json.text(Json.MAPPER.getNodeFactory().textNode(Json.clean(arguments)));
  }

  private ProviderException tooMuch(String what) {
    return new ProviderException(
        Kind.MALFORMED, "The provider '" + provider + "' sent more than " + what + ".");
  }
}
