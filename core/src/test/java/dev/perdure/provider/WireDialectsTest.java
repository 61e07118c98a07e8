package dev.perdure.provider;

import static dev.perdure.provider.ModelProviderContract.CLOCK;
import static dev.perdure.provider.ModelProviderContract.KEY;
import static dev.perdure.provider.ModelProviderContract.PATIENT;
import static dev.perdure.provider.ModelProviderContract.all;
import static dev.perdure.provider.ModelProviderContract.deltas;
import static dev.perdure.provider.ModelProviderContract.failure;
import static dev.perdure.provider.ModelProviderContract.text;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.GenerationParams;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.provider.ModelRequest.ModelMessage;
import dev.perdure.provider.ModelRequest.Role;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.anthropic.AnthropicProvider;
import dev.perdure.provider.gemini.GeminiProvider;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.TransportOptions;
import dev.perdure.provider.openai.OpenAiChatProvider;
import dev.perdure.provider.openai.OpenAiResponsesProvider;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What vendors and the servers that imitate them send besides what they document. */
class WireDialectsTest {
  private final Transport transport = new Transport(TransportOptions.defaults(), CLOCK);

  /** The wires under test. */
  enum Wire {
    CHAT,
    RESPONSES,
    ANTHROPIC,
    GEMINI;

    ModelProvider provider(URI base, Transport over) {
      ProviderSettings settings = new ProviderSettings("name", base, new Secret(KEY));
      return switch (this) {
        case CHAT -> new OpenAiChatProvider(settings, over);
        case RESPONSES -> new OpenAiResponsesProvider(settings, over);
        case ANTHROPIC -> new AnthropicProvider(settings, over);
        case GEMINI -> new GeminiProvider(settings, over);
      };
    }
  }

  @AfterEach
  void stop() {
    transport.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        // No [DONE], no space, no usage.
        """
        data:{'choices':[{'delta':{'content':'Hi'}}]}

        data:{'choices':[{'delta':{},'finish_reason':'stop'}]}

        """,
        // The whole in one chunk, nulls everywhere.
        """
        data: {'choices':[{'index':0,'delta':{'role':null,'content':'Hi','tool_calls':null,
        data: 'reasoning_content':null},'finish_reason':'stop'}],'usage':null,'error':null}

        """,
        // An empty finish reason is none.
        """
        data: {'choices':[{'delta':{'content':'Hi'},'finish_reason':''}]}

        data: {'choices':[{'delta':null,'finish_reason':'stop'}]}

        data: [DONE]

        """,
        // Fields in another order, unknown ones, other choices, a negative index, no choices.
        """
        data: {'x':{'y':[[{}]]},'choices':[
        data: {'finish_reason':null,'delta':{'content':'No'},'index':1},
        data: {'delta':{'content':'Hi','x':[1,{'content':'No'}]},'index':0},3,null]}

        data: {'choices':[{'index':-7,'delta':{},'finish_reason':'stop'}]}

        data: {'choices':null}

        data: {'choices':{}}

        data: {}

        """,
        // Comments and events of other names.
        """
        : OPENROUTER PROCESSING

        event: x
        data: {}

        data: {'choices':[{'delta':{'refusal':'Hi'},'finish_reason':'stop'}]}

        """,
      })
  void chat_dialects_say_the_same(String stream) throws Exception {
    List<ModelEvent> events = reply(Wire.CHAT, stream);
    assertThat(text(events, PartKind.TEXT)).isEqualTo("Hi");
    assertThat(events.getLast()).isEqualTo(new ModelEvent.Finished(FinishReason.STOP));
  }

  @ParameterizedTest
  @ValueSource(strings = {"reasoning", "reasoning_content"})
  void chat_reasoning_has_two_names(String field) throws Exception {
    List<ModelEvent> events =
        reply(
            Wire.CHAT,
            "data: {'choices':[{'delta':{'content':'','"
                + field
                + "':'Hm'}}]}\n\n"
                + "data: {'choices':[{'delta':{'content':'Hi'},'finish_reason':'stop'}]}\n\n");
    assertThat(text(events, PartKind.REASONING)).isEqualTo("Hm");
    assertThat(text(events, PartKind.TEXT)).isEqualTo("Hi");
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      delimiter = ';',
      value = {
        "{'error':{'message':'x'}}; STREAM_ERROR",
        "{'error':'x'}; STREAM_ERROR",
        "{'error':{'message':'x','code':429}}; RATE_LIMITED",
        "{'error':{'message':'x','code':'rate_limit_exceeded'}}; RATE_LIMITED",
        "{'error':{'message':'x','code':502}}; STREAM_ERROR",
        "{'error':{'message':'x','code':529}}; OVERLOADED",
        "{'error':{'message':'x','type':'invalid_request_error'}}; INVALID",
        "{'error':{'message':'x','code':401}}; AUTH",
        "{'error':{'message':'x','code':'content_filter'}}; CONTENT_FILTER",
        "{'object':'error','message':'x','type':'BadRequest','code':400}; INVALID",
        "{'error':{}}; STREAM_ERROR",
        "{'error':[]}; STREAM_ERROR",
        "{'error':7}; STREAM_ERROR",
      })
  void chat_errors_in_the_stream_are_told_apart(String error, Kind kind) throws IOException {
    String begun = "data: {'choices':[{'delta':{'content':'Hi'},'finish_reason':'stop'}]}\n\n";
    assertThat(failed(Wire.CHAT, begun + "data: " + error + "\n\n").kind()).isEqualTo(kind);
  }

  @Test
  void an_event_named_error_need_not_be_json() throws IOException {
    ProviderException e = failed(Wire.CHAT, "event: error\ndata: out of memory\n\n");
    assertThat(e.kind()).isEqualTo(Kind.STREAM_ERROR);
    assertThat(e.getMessage()).contains("out of memory");
  }

  @Test
  void done_without_a_finish_reason_is_truncated() throws IOException {
    assertThat(
            failed(Wire.CHAT, "data: {'choices':[{'delta':{'content':'Hi'}}]}\n\ndata: [DONE]\n\n")
                .kind())
        .isEqualTo(Kind.TRUNCATED);
  }

  @Test
  void arguments_that_are_no_object_are_kept_as_text() throws Exception {
    List<ModelEvent> events =
        reply(
            Wire.CHAT,
            "data: {'choices':[{'delta':{'tool_calls':[{'index':-1,'function':{'name':'f',"
                + "'arguments':'{'}}]}}]}\n\n"
                + "data: {'choices':[{'delta':{},'finish_reason':'tool_calls'}]}\n\n");
    assertThat(events)
        .containsExactly(
            new ModelEvent.ToolCall(null, "f", "\"{\""),
            new ModelEvent.Finished(FinishReason.TOOL_CALLS));
  }

  @Test
  void servers_that_are_free_with_the_index_of_calls_are_understood() throws Exception {
    String end = "data: {'choices':[{'delta':{},'finish_reason':'tool_calls'}]}\n\n";
    for (String index : List.of("", "'index':0,")) {
      List<ModelEvent> events =
          reply(
              Wire.CHAT,
              "data: {'choices':[{'delta':{'tool_calls':[{"
                  + index
                  + "'id':'a','function':{'name':'f','arguments':'{}'}},{"
                  + index
                  + "'id':'b','function':{'name':'g','arguments':{'x':1}}}]}}]}\n\n"
                  + end);
      assertThat(events)
          .startsWith(
              new ModelEvent.ToolCall("a", "f", "{}"),
              new ModelEvent.ToolCall("b", "g", "{\"x\":1}"));
    }
  }

  @Test
  void ids_that_cannot_be_relied_on_are_left_out() throws Exception {
    List<ModelEvent> events =
        reply(
            Wire.CHAT,
            "data: {'choices':[{'delta':{'tool_calls':["
                + "{'index':0,'id':'a','function':{'name':'f'}},"
                + "{'index':1,'id':'a','function':{'name':'g'}},"
                + "{'index':2,'id':'x\\ny','function':{'name':'\\u0000'}}]}}]}\n\n"
                + "data: {'choices':[{'delta':{},'finish_reason':'tool_calls'}]}\n\n");
    assertThat(events)
        .startsWith(
            new ModelEvent.ToolCall("a", "f", "{}"),
            new ModelEvent.ToolCall(null, "g", "{}"),
            new ModelEvent.ToolCall(null, "\uFFFD", "{}"));
  }

  @Test
  void usage_is_bounded_to_what_makes_sense() throws Exception {
    List<ModelEvent> events =
        reply(
            Wire.CHAT,
            "data: {'choices':[{'delta':{},'finish_reason':'stop'}],'usage':{'prompt_tokens':-5,"
                + "'completion_tokens':1e99,'prompt_tokens_details':null,"
                + "'completion_tokens_details':{'reasoning_tokens':99999999999999999999}}}\n\n");
    assertThat(events.getFirst()).isEqualTo(new ModelEvent.Usage(TokenUsage.ZERO));
  }

  @Test
  void a_character_cut_in_two_by_the_server_is_joined() throws Exception {
    List<ModelEvent> events =
        reply(
            Wire.CHAT,
            "data: {'choices':[{'delta':{'content':'a\\ud83c'}}]}\n\n"
                + "data: {'choices':[{'delta':{'content':'\\udf0d b\\u0000c\\udf0d'}}]}\n\n"
                + "data: {'choices':[{'delta':{'content':'\\ud83cx\\ud83c'},"
                + "'finish_reason':'stop'}]}\n\n");
    assertThat(text(events, PartKind.TEXT)).isEqualTo("a🌍 b\uFFFDc\uFFFD\uFFFDx\uFFFD");
  }

  @ParameterizedTest
  @CsvSource({
    "end_turn, STOP",
    "stop_sequence, STOP",
    "max_tokens, LENGTH",
    "tool_use, TOOL_CALLS",
    "refusal, CONTENT_FILTER",
    "pause_turn, OTHER",
  })
  void anthropic_blocks_are_parts_and_tools_are_passed_over(String stop, FinishReason reason)
      throws Exception {
    List<ModelEvent> events =
        reply(
            Wire.ANTHROPIC,
            "event: message_start\ndata: {'type':'message_start','message':{'usage':"
                + "{'input_tokens':3,'cache_read_input_tokens':4,'output_tokens':1}}}\n\n"
                + "event: ping\ndata: {'type':'ping'}\n\n"
                + "event: new_thing\ndata: {'type':'new_thing','x':{}}\n\n"
                + anthropic("'index':0,'delta':{'type':'text_delta','text':'A'}")
                + anthropic("'index':1,'delta':{'type':'input_json_delta','partial_json':'{'}")
                + anthropic("'index':2,'delta':{'type':'text_delta','text':'B'}")
                + anthropic("'index':2,'delta':{'type':'citations_delta','citation':{'x':1}}")
                + "event: message_delta\ndata: {'type':'message_delta','delta':{'stop_reason':'"
                + stop
                + "'},'usage':{'output_tokens':9}}\n\n"
                + "event: message_stop\ndata: {'type':'message_stop'}\n\n");
    assertThat(events)
        .containsExactly(
            new ModelEvent.Usage(new TokenUsage(7, 1, 0, 4)),
            new ModelEvent.Delta(0, PartKind.TEXT, "A"),
            new ModelEvent.Delta(1, PartKind.TEXT, "B"),
            new ModelEvent.Usage(new TokenUsage(7, 9, 0, 4)),
            new ModelEvent.Finished(reason));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        """
        data: {'type':'message_stop'}

        """,
        """
        data: {'type':'message_delta','delta':{'stop_reason':null}}

        data: {'type':'message_stop'}

        """,
        """
        data: {'type':'message_delta','delta':{'stop_reason':'end_turn'}}

        """,
      })
  void anthropic_needs_a_stop_reason_and_its_stop(String stream) throws IOException {
    assertThat(failed(Wire.ANTHROPIC, stream).kind()).isEqualTo(Kind.TRUNCATED);
  }

  @Test
  void responses_items_are_parts_and_tools_are_told() throws Exception {
    List<ModelEvent> events =
        reply(
            Wire.RESPONSES,
            responses("response.reasoning_summary_text.delta", "'summary_index':0,'delta':'R'")
                + responses(
                    "response.reasoning_summary_text.delta", "'summary_index':1,'delta':'S'")
                + responses("response.output_text.delta", "'output_index':1,'delta':'T'")
                + responses("response.output_item.added", "'item':{'type':'function_call'}")
                + responses("response.function_call_arguments.delta", "'delta':'{'")
                + responses("response.output_text.delta", "'output_index':-9,'delta':null")
                + responses("response.completed", "'response':{'output':[],'usage':null}"));
    assertThat(deltas(events))
        .containsExactly(
            new ModelEvent.Delta(0, PartKind.REASONING, "R"),
            new ModelEvent.Delta(1, PartKind.REASONING, "S"),
            new ModelEvent.Delta(2, PartKind.TEXT, "T"));
    assertThat(events.getLast()).isEqualTo(new ModelEvent.Finished(FinishReason.TOOL_CALLS));
  }

  @ParameterizedTest
  @CsvSource({
    "server_error, STREAM_ERROR",
    "rate_limit_exceeded, RATE_LIMITED",
    "invalid_request, INVALID",
  })
  void a_failed_response_says_why(String code, Kind kind) throws IOException {
    ProviderException e =
        failed(
            Wire.RESPONSES,
            responses(
                "response.failed",
                "'response':{'status':'failed','error':{'code':'"
                    + code
                    + "','message':'because'}}"));
    assertThat(e.kind()).isEqualTo(kind);
    assertThat(e.getMessage()).contains("because");
  }

  @Test
  void an_incomplete_response_without_details_has_ended_for_another_reason() throws Exception {
    assertThat(reply(Wire.RESPONSES, responses("response.incomplete", "'response':{}")))
        .containsExactly(new ModelEvent.Finished(FinishReason.OTHER));
  }

  @ParameterizedTest
  @CsvSource({
    "STOP, STOP",
    "MAX_TOKENS, LENGTH",
    "SAFETY, CONTENT_FILTER",
    "RECITATION, CONTENT_FILTER",
    "MALFORMED_FUNCTION_CALL, OTHER",
    "A_NEW_ONE, OTHER"
  })
  void gemini_finish_reasons_are_translated(String given, FinishReason reason) throws Exception {
    assertThat(
            reply(Wire.GEMINI, "data: {'candidates':[{'finishReason':'" + given + "'}]}\r\n\r\n"))
        .containsExactly(new ModelEvent.Finished(reason));
  }

  @Test
  void a_gemini_function_call_makes_its_finish() throws Exception {
    List<ModelEvent> events =
        reply(
            Wire.GEMINI,
            "data: {'candidates':[{'content':{'parts':[{'functionCall':{'name':'f','args':{}}},"
                + "{'text':'Hi'},null,3,{'text':null}]},'finishReason':'STOP'},"
                + "{'content':{'parts':[{'text':'No'}]}}]}\r\n\r\n");
    assertThat(events)
        .containsExactly(
            new ModelEvent.Delta(0, PartKind.TEXT, "Hi"),
            new ModelEvent.ToolCall(null, "f", "{}"),
            new ModelEvent.Finished(FinishReason.TOOL_CALLS));
  }

  @Test
  void a_prompt_that_gemini_blocks_is_a_content_filter() throws IOException {
    ProviderException e =
        failed(Wire.GEMINI, "data: {'promptFeedback':{'blockReason':'SAFETY'}}\r\n\r\n");
    assertThat(e.kind()).isEqualTo(Kind.CONTENT_FILTER);
    assertThat(e.getMessage()).contains("SAFETY");
  }

  @Test
  void geminis_error_in_an_array_is_read_with_its_delay() throws IOException {
    String body =
        json(
            "[{'error':{'code':429,'message':'slow','status':'RESOURCE_EXHAUSTED','details':"
                + "[{'x':1},{'retryDelay':'34.5s'}]}}]");
    try (RawServer server = RawServer.sending("HTTP/1.1 429 No\r\n\r\n" + body)) {
      ProviderException e = failure(open(Wire.GEMINI, server.uri()));
      assertThat(e.kind()).isEqualTo(Kind.RATE_LIMITED);
      assertThat(e.retryAfter()).hasMillis(34_500);
      assertThat(e.getMessage()).contains("slow");
    }
  }

  @ParameterizedTest
  @EnumSource(Wire.class)
  void an_event_nobody_knows_is_passed_over(Wire wire) throws IOException {
    ProviderException e =
        failed(wire, "event: unheard_of\ndata: {'type':'unheard_of','a':[{'b':null}]}\n\n");
    assertThat(e.kind()).isEqualTo(Kind.TRUNCATED);
  }

  @ParameterizedTest
  @CsvSource({
    "CHAT, '', /v1/chat/completions",
    "CHAT, /, /v1/chat/completions",
    "CHAT, /openai/v1/, /openai/v1/chat/completions",
    "RESPONSES, '', /v1/responses",
    "RESPONSES, /v1, /v1/responses",
    "ANTHROPIC, '', /v1/messages",
    "ANTHROPIC, /proxy, /proxy/v1/messages",
    "ANTHROPIC, /v1, /v1/messages",
    "GEMINI, '', /v1beta/models/m%2F..%2Fx%3F:streamGenerateContent?alt=sse",
    "GEMINI, /v1, /v1/models/m%2F..%2Fx%3F:streamGenerateContent?alt=sse",
  })
  void base_urls_are_understood_and_models_cannot_leave_their_place(
      Wire wire, String base, String path) throws IOException {
    try (RawServer server = RawServer.sending("HTTP/1.1 500 x\r\n\r\n")) {
      assertThat(failure(open(wire, URI.create(server.uri() + base))).kind())
          .isEqualTo(Kind.SERVER);
      assertThat(server.requests().getFirst()).startsWith("POST " + path + " HTTP/1.1\r\n");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "CHAT, Authorization: Bearer",
    "RESPONSES, Authorization: Bearer",
    "ANTHROPIC, x-api-key:",
    "GEMINI, x-goog-api-key:",
  })
  void the_request_holds_history_parameters_and_key(Wire wire, String header) throws IOException {
    ModelRequest request =
        new ModelRequest(
            "the-model",
            "be brief",
            List.of(
                new ModelMessage(Role.USER, "first\n\"quoted\" 🌍"),
                new ModelMessage(Role.ASSISTANT, "second"),
                new ModelMessage(Role.USER, "third")),
            new GenerationParams(123, 0.25, 0.75),
            PATIENT);
    try (RawServer server = RawServer.sending("HTTP/1.1 500 x\r\n\r\n")) {
      failure(wire.provider(server.uri(), transport).open(request));
      assertThat(server.requests().getFirst())
          .contains(header + " " + KEY)
          .contains("the-model", "be brief", "first\\n\\\"quoted\\\" 🌍", "second", "third")
          .contains("123", "0.25", "0.75");
    }
  }

  private static String anthropic(String fields) {
    return "event: content_block_delta\ndata: {'type':'content_block_delta'," + fields + "}\n\n";
  }

  private static String responses(String type, String fields) {
    return "event: " + type + "\ndata: {'type':'" + type + "'," + fields + "}\n\n";
  }

  private static String json(String text) {
    return text.replace('\'', '"');
  }

  private ModelStream open(Wire wire, URI base) {
    String model = wire == Wire.GEMINI ? "m/../x?" : "m";
    return wire.provider(base, transport)
        .open(
            new ModelRequest(
                model,
                null,
                List.of(new ModelMessage(Role.USER, "hi")),
                GenerationParams.NONE,
                PATIENT));
  }

  private List<ModelEvent> reply(Wire wire, String stream) throws Exception {
    try (RawServer server = RawServer.streaming(json(stream))) {
      return all(open(wire, server.uri()));
    }
  }

  private ProviderException failed(Wire wire, String stream) throws IOException {
    try (RawServer server = RawServer.streaming(json(stream))) {
      return failure(open(wire, server.uri()));
    }
  }
}
