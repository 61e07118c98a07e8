package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.Message;
import dev.perdure.chat.NewTurn;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Session;
import dev.perdure.chat.ToolLimits;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest;
import dev.perdure.chat.TurnRequest.ClientTool;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.context.ContextView;
import dev.perdure.protocol.GenerationParams;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelRequest.ToolUse;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.ToolException;
import dev.perdure.tool.Tools;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Which tools models are told of, and how much of them a message may use, on either database. */
abstract class ToolChoiceContract extends ToolFixture {
  private static final String MANY = "send_invoice:Sends an invoice to a customer by mail.";

  /** Twelve tools of an office, of which a model is told three. */
  private static Tool[] office() {
    List<Tool> tools = new ArrayList<>();
    for (String one :
        List.of(
            MANY,
            "list_customers:Lists the customers.",
            "findHoliday:Finds the public holidays of a country.",
            "book_room:Books a meeting room.",
            "order_lunch:Orders lunch for a team.",
            "open_ticket:Opens a ticket at the help desk.",
            "close_ticket:Closes a ticket at the help desk.",
            "print_badge:Prints a badge for a visitor.",
            "water_plants:Waters the plants.",
            "lock_door:Locks a door.",
            "ring_bell:Rings a bell.",
            "count_chairs:Counts chairs.")) {
      String[] parts = one.split(":", 2);
      tools.add(new Described(new FakeTool(parts[0], Effect.READ), parts[1]));
    }
    return tools.toArray(Tool[]::new);
  }

  private record Described(FakeTool tool, String description) implements Tool {
    @Override
    public Spec spec() {
      Spec like = tool.spec();
      return new Spec(
          like.name(), description, like.schema(), like.effect(), like.approval(), like.limit());
    }

    @Override
    public JsonNode run(Input input) throws ToolException, InterruptedException {
      return tool.run(input);
    }
  }

  private static Tools.Limits telling(int tools, int tokens, String... without) {
    return Tools.Limits.DEFAULT.telling(new Tools.Told(tools, tokens, List.of(without)));
  }

  private Turn say(
      String session, String text, @Nullable ToolLimits limits, ClientTool... clients) {
    return node.desk.submit(
        CALLER,
        session,
        new NewTurn(
            List.of(new Message.Part(PartKind.TEXT, text)),
            new TurnRequest(
                List.of("script/a"),
                List.of(),
                null,
                GenerationParams.NONE,
                Recovery.RESTART,
                null,
                List.of(),
                List.of(clients),
                null,
                limits),
            WhenBusy.ENQUEUE),
        null);
  }

  private List<String> told(Turn turn, int request) {
    node.awaitEnd(turn.id());
    return names(request);
  }

  private List<String> names(int request) {
    return provider.requests().get(request).tools().stream()
        .map(ModelRequest.ToolSpec::name)
        .toList();
  }

  @Test
  void of_many_tools_those_are_told_that_fit_the_message_and_were_used_before() {
    use(telling(3, 8_000), office());
    String session = node.session();
    script("a", LAST, "[{'call':'ring_bell','input':{}},{'finish':'tool_calls'}]", LAST);
    script("a", LAST, LAST, LAST);
    assertThat(told(say(session, "Which holidays are there in Spain?", null), 0))
        .contains("findHoliday")
        .hasSize(3);
    told(say(session, "Ring the bell for the visitors", null), 1);
    assertThat(names(1)).contains("ring_bell", "print_badge").isEqualTo(names(2));
    String asked =
        "Please send an invoice by mail to each of those customers that we met last week";
    assertThat(told(say(session, asked, null), 3))
        .containsExactly("send_invoice", "list_customers", "ring_bell");
    // What says little goes by what was said before it.
    assertThat(told(say(session, "yes, do it", null), 4)).contains("send_invoice");
  }

  @Test
  void a_name_that_is_not_told_is_not_forbidden_and_what_is_told_can_be_looked_up() {
    use(telling(2, 8_000), office());
    script("a", "[{'call':'count_chairs','input':{}},{'finish':'tool_calls'}]", LAST);
    Turn turn = say(node.session(), "Lock the door", null);
    assertThat(told(turn, 0)).contains("lock_door").doesNotContain("count_chairs");
    assertThat(told(1)).extracting(ToolUse::failed).containsExactly(false);
    node.contexts.flush();
    ContextView view = node.contexts.read(CALLER, turn.id()).getFirst();
    assertThat(view.sources())
        .filteredOn(source -> source.kind().equals("tool"))
        .extracting(ContextView.Source::id)
        .isEqualTo(names(0));
    assertThat(view.toolsLeftOut()).isEqualTo(10);
    assertThat(view.sources()).allSatisfy(source -> assertThat(source.tokens()).isPositive());
  }

  @Test
  void tokens_bound_what_is_told_and_a_clients_tools_come_first() {
    use(telling(12, 150), office());
    script("a", LAST, LAST);
    List<String> few = told(say(node.session(), "Print a badge", null), 0);
    assertThat(few).contains("print_badge").hasSizeBetween(2, 6);
    ClientTool locate =
        new ClientTool("locate", "Where the user is.", Json.trusted("{\"type\":\"object\"}"));
    assertThat(told(say(node.session(), "Print a badge", null, locate), 1))
        .contains("locate", "print_badge");
  }

  @Test
  void a_model_that_cannot_use_tools_is_told_of_none() {
    use(telling(32, 8_000, "script/b", "SCRIPT/A*"), office());
    script("a", LAST);
    assertThat(told(say(node.session(), "Lock the door", null), 0)).isEmpty();
  }

  @Test
  void the_next_holder_of_a_turn_tells_of_the_same_tools() throws Exception {
    use(telling(3, 8_000), office());
    script("a", HELD, LAST);
    Turn turn = say(node.session(), "Lock the door and ring the bell", null);
    node.await(turn.id(), EngineFixture::isDelta);
    List<String> before = names(0);
    node.stop(Duration.ZERO);
    List<Tool> more = new ArrayList<>(List.of(office()));
    more.addFirst(new Described(new FakeTool("door", Effect.READ), "Lock the door, ring the bell"));
    node = new EngineHarness(database, provider, new Tools(more, telling(3, 8_000)));
    node.engine.start();
    assertThat(told(turn, 1)).isEqualTo(before).doesNotContain("door");
  }

  @Test
  void a_message_and_its_session_bound_steps_calls_and_tokens() {
    FakeTool look = new FakeTool("look", Effect.READ);
    use(look);
    String session = node.session();
    node.desk.changeSession(
        CALLER,
        session,
        now ->
            new Session.Settings(
                null, null, now.metadata(), null, null, new ToolLimits(3, null, 1_000L)));
    script("a", CALL, CALL);
    Turn turn = say(session, "Hi", new ToolLimits(2, null, null));
    assertThat(error(turn)).isEqualTo("step_limit");
    assertThat(look.calls).hasSize(2);

    script("a", CALL.replace("{'finish'", "{'usage':[900,100]},{'finish'"));
    assertThat(error(say(session, "Hi", null))).isEqualTo("token_limit");

    look.calls.clear();
    script("a", CALL, "[{'call':'look','input':{}},{'call':'look','input':{}},{'finish':'stop'}]");
    script("a", LAST);
    List<TurnEvent> log = node.awaitEnd(say(session, "Hi", new ToolLimits(null, 2, null)).id());
    assertThat(look.calls).hasSize(2);
    assertThat(only(log, TurnEvent.ToolReturned.class))
        .extracting(one -> one.error() == null ? "" : one.error().code())
        .containsExactlyInAnyOrder("", "", "too_many_calls");
  }

  private String error(Turn turn) {
    node.awaitEnd(turn.id());
    return Optional.ofNullable(node.turn(turn.id()).error()).orElseThrow().code();
  }

  @Test
  void a_call_that_may_be_repeated_is_tried_as_often_as_its_tool_says() {
    int[] tries = {0};
    FakeTool flaky =
        new FakeTool(
            "look",
            Effect.IDEMPOTENT,
            Tool.Approval.NEVER,
            input -> {
              if (++tries[0] < 4) {
                throw ToolException.unknown("broke off");
              }
              return input.arguments();
            });
    use(
        new Tool() {
          @Override
          public Spec spec() {
            Spec like = flaky.spec();
            return new Spec(
                like.name(),
                like.description(),
                like.schema(),
                like.effect(),
                like.approval(),
                like.limit(),
                new Retry(4, Duration.ofMillis(1)));
          }

          @Override
          public JsonNode run(Input input) throws ToolException, InterruptedException {
            return flaky.run(input);
          }
        });
    script("a", CALL, LAST);
    Turn turn = submit();
    node.awaitEnd(turn.id());
    assertThat(told(1)).extracting(ToolUse::failed).containsExactly(false);
    assertThat(row(turn).runs()).isEqualTo(4);
    assertThat(flaky.calls).extracting(Tool.Input::key).hasSize(4).containsOnly(row(turn).id());
    assertThat(new Tool.Retry(9, Duration.ofSeconds(10)).behind(3)).hasSeconds(40);
    assertThat(new Tool.Retry(9, Duration.ofSeconds(10)).behind(9)).hasSeconds(60);
  }
}
