package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.Turn;
import dev.perdure.note.NotesTool;
import dev.perdure.protocol.Json;
import dev.perdure.provider.ModelRequest.ToolUse;
import dev.perdure.tool.Tool;
import dev.perdure.tool.ToolException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Notes of a session through the ledger, on either database. */
abstract class NotesContract extends ToolFixture {
  private static String ask(String input) {
    return "[{'call':'notes','input':" + input + "},{'finish':'tool_calls'}]";
  }

  /** With more time: the timers of the harness end shorter limits at once. */
  private record Patient(Tool tool) implements Tool {
    @Override
    public Spec spec() {
      Spec like = tool.spec();
      return new Spec(
          like.name(),
          like.description(),
          like.schema(),
          like.effect(),
          like.approval(),
          Duration.ofMinutes(5));
    }

    @Override
    public JsonNode run(Input input) throws ToolException, InterruptedException {
      return tool.run(input);
    }
  }

  /** What a call returned, as the model is told. */
  private ToolUse notes(String session, String input) {
    script("a", ask(input), LAST);
    int before = provider.requests().size();
    node.awaitEnd(node.submit(session, "Hi", "script/a").id());
    return told(before + 1).getFirst();
  }

  @Test
  void a_session_remembers_lists_and_forgets() {
    use(new Patient(new NotesTool(database)));
    String session = node.session();
    assertThat(notes(session, "{'action':'remember','text':'noon'}").result())
        .isEqualTo("{\"remembered\":1}");
    notes(session, "{'action':'remember','text':'Graz 🌍'}");
    notes(session, "{'action':'forget','note':1}");
    notes(session, "{'action':'forget','note':1}");
    assertThat(notes(session, "{'action':'list'}").result())
        .isEqualTo("{\"notes\":[{\"note\":2,\"text\":\"Graz 🌍\"}]}");
    assertThat(notes(node.session(), "{'action':'list'}").result()).isEqualTo("{\"notes\":[]}");
    for (String wrong :
        List.of("{'action':'remember'}", "{'action':'forget'}", "{'action':'burn'}", "{}")) {
      assertThat(notes(session, wrong).failed()).as(wrong).isTrue();
    }
    node.desk.deleteSession(CALLER, session);
    long left =
        database.<Long>read(
            tx -> tx.one("SELECT COUNT(*) FROM note", row -> row.getLong(1)).orElseThrow());
    assertThat(left).isZero();
  }

  @Test
  void notes_are_bounded_and_remembered_once_for_each_call() throws Exception {
    Tool tool = new Patient(new NotesTool(database));
    use(tool);
    String session = node.session();
    script("a", LAST);
    Turn turn = node.submit(session, "Hi", "script/a");
    node.awaitEnd(turn.id());
    List<String> faults = new ArrayList<>();
    for (int i = 0; i < 52; i++) {
      for (int again = 0; again < 2; again++) {
        try {
          tool.run(
              new Tool.Input(
                  Json.trusted("{\"action\":\"remember\",\"text\":\"n" + i + "\"}"),
                  "call_" + i,
                  CALLER.tenant(),
                  CALLER.owner(),
                  turn.id()));
        } catch (ToolException e) {
          faults.add(e.getMessage());
        }
      }
    }
    assertThat(faults).hasSize(4).allSatisfy(one -> assertThat(one).contains("Forget some first"));
    assertThat(notes(session, "{'action':'list'}").result()).contains("\"n49\"");
  }
}
