package dev.perdure.terminal;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.ToolCalled;
import dev.perdure.protocol.TurnEvent.ToolDecided;
import dev.perdure.protocol.TurnEvent.ToolReturned;
import dev.perdure.protocol.TurnEvent.ToolWaiting;
import dev.perdure.protocol.WaitFor;
import java.io.IOException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The calls of tools in one turn that wait for a word of whoever sits at the terminal: shows one at
 * a time, and makes an answer of a line that is typed after that. Used by one thread.
 */
final class Questions {
  /** What is shown of arguments: all of it, or nobody could agree to it. */
  private static final int MAX_CHARS = 64 * 1024;

  private final ChatServer server;
  private final String turn;
  private final ReplyPrinter printer;
  private final Map<String, ToolCalled> calls = new HashMap<>();
  private final Map<String, ToolWaiting> open = new LinkedHashMap<>();
  private @Nullable String shown;

  Questions(ChatServer server, String turn, ReplyPrinter printer) {
    this.server = server;
    this.turn = turn;
    this.printer = printer;
  }

  /** Takes the next event of the turn. */
  void take(TurnEvent event) {
    switch (event) {
      case ToolCalled e -> calls.put(e.call(), e);
      case ToolWaiting e -> {
        if (e.waitsFor() == WaitFor.APPROVAL || e.waitsFor() == WaitFor.ATTENTION) {
          open.put(e.call(), e);
        }
      }
      case ToolDecided e -> open.remove(e.call());
      case ToolReturned e -> open.remove(e.call());
      default -> {}
    }
    show();
  }

  /** Whether something waits. */
  boolean any() {
    return !open.isEmpty();
  }

  private @Nullable ToolWaiting first() {
    return open.isEmpty() ? null : open.values().iterator().next();
  }

  private void show() {
    @Nullable ToolWaiting first = first();
    if (first == null || first.call().equals(shown)) {
      return;
    }
    shown = first.call();
    ToolCalled call = calls.get(first.call());
    String what = call == null ? first.call() : call.tool() + " " + shortened(call.input());
    if (first.waitsFor() == WaitFor.APPROVAL) {
      printer.note("may it call " + what + "?");
      printer.note("y: yes   n [REASON]: no   e {JSON}: yes, with these arguments");
    } else {
      printer.note("it is not known what came of " + what);
      printer.note("d: it is done   r: call it again   f [REASON]: it has failed");
    }
  }

  private static String shortened(String text) {
    return text.length() <= MAX_CHARS ? text : text.substring(0, MAX_CHARS) + "…";
  }

  /** Sends what was typed as the answer to the question that is shown. */
  void answer(String line) {
    @Nullable ToolWaiting asked = first();
    if (asked == null) {
      return;
    }
    try {
      @Nullable ObjectNode body = body(asked, line.strip());
      if (body != null) {
        server.answer(turn, body);
        // The log tells of it; until then there is no second word.
        open.remove(asked.call());
        show();
      }
    } catch (RefusedException e) {
      printer.note(e.text());
    } catch (IOException e) {
      printer.note("not sent, the server cannot be reached; type it again");
    }
  }

  private @Nullable ObjectNode body(ToolWaiting asked, String line) {
    String[] words = line.split("\\s+", 2);
    String rest = words.length == 1 ? "" : words[1];
    ObjectNode body = Json.MAPPER.createObjectNode().put("call", asked.call());
    if (asked.inputHash() != null) {
      body.put("inputHash", asked.inputHash());
    }
    boolean approval = asked.waitsFor() == WaitFor.APPROVAL;
    @Nullable String decision =
        switch (words[0]) {
          case "y", "yes" -> approval && rest.isEmpty() ? "approve" : null;
          case "e", "edit" -> approval ? "approve" : null;
          case "n", "no" -> approval ? "refuse" : null;
          case "d" -> approval ? null : "done";
          case "r" -> approval ? null : "repeat";
          case "f" -> approval ? null : "fail";
          default -> null;
        };
    if (decision == null) {
      printer.note(approval ? "type y, n or e {JSON}" : "type d, r or f");
      return null;
    }
    body.put("decision", decision);
    if (words[0].startsWith("e")) {
      @Nullable JsonNode input = json(rest);
      if (input == null) {
        printer.note("that is no JSON object; type e {\"name\": value} on one line");
        return null;
      }
      body.set("input", input);
    } else if (!rest.isEmpty() && !decision.equals("approve")) {
      body.put("reason", rest);
    }
    return body;
  }

  private static @Nullable JsonNode json(String text) {
    try {
      JsonNode node = Json.MAPPER.readTree(text);
      return node != null && node.isObject() ? node : null;
    } catch (JsonProcessingException e) {
      return null;
    }
  }
}
