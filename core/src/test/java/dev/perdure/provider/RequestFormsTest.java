package dev.perdure.provider;

import static dev.perdure.provider.ModelProviderContract.CLOCK;
import static dev.perdure.provider.ModelProviderContract.PATIENT;
import static dev.perdure.provider.ModelProviderContract.failure;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.GenerationParams;
import dev.perdure.protocol.Json;
import dev.perdure.provider.ModelRequest.ModelFile;
import dev.perdure.provider.ModelRequest.ModelMessage;
import dev.perdure.provider.ModelRequest.OutputSpec;
import dev.perdure.provider.ModelRequest.Role;
import dev.perdure.provider.WireDialectsTest.Wire;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.TransportOptions;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Files, forms of replies and wishes for better ones, as each vendor documents them. */
class RequestFormsTest {
  private static final String SCHEMA = "{'type':'object'}";
  private final Transport transport = new Transport(TransportOptions.defaults(), CLOCK);

  @AfterEach
  void stop() {
    transport.close();
  }

  private JsonNode sent(Wire wire) throws IOException {
    ModelRequest request =
        new ModelRequest(
                "m",
                null,
                List.of(
                    new ModelMessage(
                        Role.USER,
                        "look",
                        List.of(
                            new ModelFile("a.png", "image/png", "QUJD"),
                            new ModelFile("b.pdf", "application/pdf", "REVG")))),
                GenerationParams.NONE,
                PATIENT)
            .inForm(new OutputSpec("city", Json.trusted(json(SCHEMA)), true))
            .then(
                List.of(new ModelMessage(Role.ASSISTANT, "no"), new ModelMessage(Role.USER, "do")));
    try (RawServer server = RawServer.sending("HTTP/1.1 500 x\r\n\r\n")) {
      failure(wire.provider(server.uri(), transport).open(request));
      String sent = server.requests().getFirst();
      return Json.MAPPER.readTree(sent.substring(sent.indexOf("\r\n\r\n") + 4));
    }
  }

  private static String json(String text) {
    return text.replace('\'', '"');
  }

  private static void same(JsonNode actual, String expected) throws IOException {
    assertThat(actual).isEqualTo(Json.MAPPER.readTree(json(expected)));
  }

  @Test
  void chat_completions_take_data_urls_and_a_response_format() throws IOException {
    JsonNode body = sent(Wire.CHAT);
    same(
        body.path("messages"),
        """
        [{'role':'user','content':[
           {'type':'image_url','image_url':{'url':'data:image/png;base64,QUJD'}},
           {'type':'file','file':{'filename':'b.pdf',
                                  'file_data':'data:application/pdf;base64,REVG'}},
           {'type':'text','text':'look'}]},
         {'role':'assistant','content':'no'},{'role':'user','content':'do'}]\
        """);
    same(
        body.path("response_format"),
        """
        {'type':'json_schema',
         'json_schema':{'name':'city','strict':true,'schema':{'type':'object'}}}\
        """);
  }

  @Test
  void responses_take_input_items_and_a_text_format() throws IOException {
    JsonNode body = sent(Wire.RESPONSES);
    same(
        body.path("input"),
        """
        [{'role':'user','content':[
           {'type':'input_image','image_url':'data:image/png;base64,QUJD'},
           {'type':'input_file','filename':'b.pdf',
            'file_data':'data:application/pdf;base64,REVG'},
           {'type':'input_text','text':'look'}]},
         {'role':'assistant','content':'no'},{'role':'user','content':'do'}]\
        """);
    same(
        body.path("text"),
        """
        {'format':{'type':'json_schema','name':'city','strict':true,
                   'schema':{'type':'object'}}}\
        """);
  }

  @Test
  void anthropic_takes_blocks_with_sources_and_an_output_format() throws IOException {
    JsonNode body = sent(Wire.ANTHROPIC);
    same(
        body.path("messages"),
        """
        [{'role':'user','content':[
           {'type':'image','source':{'type':'base64','media_type':'image/png','data':'QUJD'}},
           {'type':'document',
            'source':{'type':'base64','media_type':'application/pdf','data':'REVG'},
            'title':'b.pdf'},
           {'type':'text','text':'look'}]},
         {'role':'assistant','content':'no'},{'role':'user','content':'do'}]\
        """);
    same(
        body.path("output_config"), "{'format':{'type':'json_schema','schema':{'type':'object'}}}");
  }

  @Test
  void gemini_takes_inline_data_and_a_response_schema() throws IOException {
    JsonNode body = sent(Wire.GEMINI);
    same(
        body.path("contents"),
        """
        [{'role':'user','parts':[
           {'inlineData':{'mimeType':'image/png','data':'QUJD'}},
           {'inlineData':{'mimeType':'application/pdf','data':'REVG'}},
           {'text':'look'}]},
         {'role':'model','parts':[{'text':'no'}]},{'role':'user','parts':[{'text':'do'}]}]\
        """);
    same(
        body.path("generationConfig"),
        "{'responseMimeType':'application/json','responseJsonSchema':{'type':'object'}}");
  }

  @ParameterizedTest
  @CsvSource({
    "CHAT, https://api.openai.com, gpt-5, application/pdf, true",
    "CHAT, https://api.openai.com, gpt-4o-mini, image/png, true",
    "CHAT, https://api.openai.com, gpt-4, image/png, false",
    "CHAT, https://api.openai.com, gpt-3.5-turbo, image/png, false",
    "CHAT, https://api.openai.com, gpt-5, audio/mpeg, false",
    "CHAT, http://127.0.0.1:11434, llava, image/png, true",
    "CHAT, http://127.0.0.1:11434, llava, application/pdf, false",
    "RESPONSES, https://api.openai.com, o3-mini, image/png, false",
    "ANTHROPIC, https://api.anthropic.com, claude-sonnet-4-5, application/pdf, true",
    "ANTHROPIC, https://api.anthropic.com, claude-2.1, image/png, false",
    "GEMINI, https://generativelanguage.googleapis.com, gemini-2.5-flash, image/webp, true",
    "GEMINI, https://generativelanguage.googleapis.com, gemini-2.5-flash, image/gif, false",
  })
  void what_a_model_takes_goes_by_its_name(
      Wire wire, URI base, String model, String mediaType, boolean takes) {
    assertThat(wire.provider(base, transport).takes(model, mediaType)).isEqualTo(takes);
  }

  @ParameterizedTest
  @CsvSource({
    "CHAT, gpt-4o, false, true",
    "ANTHROPIC, claude-sonnet-4-5, true, true",
    "ANTHROPIC, claude-sonnet-4-5, false, false",
    "ANTHROPIC, claude-3-5-sonnet-20241022, true, false",
    "ANTHROPIC, claude-sonnet-4-20250514, true, false",
    "GEMINI, gemini-2.5-pro, true, false",
    "GEMINI, gemini-3-pro, false, true",
  })
  void the_form_of_a_reply_is_left_to_wires_that_have_one(
      Wire wire, String model, boolean strict, boolean forms) {
    OutputSpec output = new OutputSpec("a", Json.trusted(json(SCHEMA)), strict);
    URI base = URI.create("https://example.com");
    assertThat(wire.provider(base, transport).forms(model, output)).isEqualTo(forms);
  }
}
