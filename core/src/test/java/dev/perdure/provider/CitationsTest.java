package dev.perdure.provider;

import static dev.perdure.provider.ModelProviderContract.CLOCK;
import static dev.perdure.provider.ModelProviderContract.PATIENT;
import static dev.perdure.provider.ModelProviderContract.all;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.GenerationParams;
import dev.perdure.protocol.Source;
import dev.perdure.provider.ModelRequest.ModelMessage;
import dev.perdure.provider.ModelRequest.Role;
import dev.perdure.provider.WireDialectsTest.Wire;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.TransportOptions;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What vendors say that they have cited, in the forms that they document. */
class CitationsTest {
  private final Transport transport = new Transport(TransportOptions.defaults(), CLOCK);

  @AfterEach
  void stop() {
    transport.close();
  }

  @Test
  void chat_completions_cite_in_annotations_of_a_delta() throws Exception {
    assertCited(
        Wire.CHAT,
        """
        data: {'choices':[{'delta':{'content':'Hi','annotations':null}}]}

        data: {'choices':[{'delta':{'annotations':[
        data: {'type':'url_citation','url_citation':{'url':'https://a.example/1','title':'One',
        data: 'start_index':0,'end_index':2}},
        data: {'type':'url_citation','url_citation':{'url':'javascript:alert(1)','title':'No'}},
        data: {'type':'url_citation','url_citation':7},{'type':'tea'},9,
        data: {'type':'url_citation','url':'https://b.example/'}]}}]}

        data: {'choices':[{'delta':{'annotations':{}},'finish_reason':'stop'}]}

        """);
  }

  @Test
  void responses_cite_in_events_and_in_whole_items() throws Exception {
    assertCited(
        Wire.RESPONSES,
        """
        event: response.output_text.delta
        data: {'type':'response.output_text.delta','output_index':0,'delta':'Hi'}

        event: response.output_text.annotation.added
        data: {'type':'response.output_text.annotation.added','annotation_index':0,'annotation':
        data: {'type':'url_citation','url':'https://a.example/1','title':'One','start_index':0}}

        event: response.output_text.annotation.added
        data: {'type':'response.output_text.annotation.added','annotation':
        data: {'type':'file_citation','file_id':'file-1','filename':'x','index':1}}

        event: response.output_text.annotation.added
        data: {'type':'response.output_text.annotation.added','annotation':7}

        event: response.output_text.annotation.added
        data: {'type':'response.output_text.annotation.added','annotation':
        data: {'type':'url_citation','url':'javascript:alert(1)','title':'No'}}

        event: response.output_item.done
        data: {'type':'response.output_item.done','item':{'type':'message','content':[
        data: {'type':'output_text','text':'Hi','annotations':[{'type':'url_citation',
        data: 'url':'https://b.example/'}]}]}}

        event: response.completed
        data: {'type':'response.completed','response':{}}

        """);
  }

  @Test
  void anthropic_cites_in_deltas_of_a_block() throws Exception {
    assertCited(
        Wire.ANTHROPIC,
        """
        data: {'type':'content_block_start','index':0,'content_block':
        data: {'type':'text','text':'','citations':null}}

        data: {'type':'content_block_delta','index':0,'delta':{'type':'text_delta','text':'Hi'}}

        data: {'type':'content_block_delta','index':0,'delta':{'type':'citations_delta','citation':
        data: {'type':'web_search_result_location','url':'https://a.example/1','title':'One',
        data: 'encrypted_index':'x','cited_text':'y'}}}

        data: {'type':'content_block_delta','index':0,'delta':{'type':'citations_delta','citation':
        data: {'type':'char_location','document_index':0,'document_title':'x'}}}

        data: {'type':'content_block_delta','index':0,'delta':{'type':'citations_delta','citation':
        data: {'type':'web_search_result_location','url':'javascript:alert(1)','title':'No'}}}

        data: {'type':'content_block_delta','index':0,'delta':{'type':'citations_delta',
        data: 'citation':null}}

        data: {'type':'content_block_delta','index':0,'delta':{'type':'citations_delta','citation':
        data: {'type':'search_result_location','source':'https://b.example/','title':null}}}

        data: {'type':'message_delta','delta':{'stop_reason':'end_turn'}}

        data: {'type':'message_stop'}

        """);
  }

  @Test
  void gemini_cites_in_the_grounding_of_a_candidate() throws Exception {
    assertCited(
        Wire.GEMINI,
        """
        data: {'candidates':[{'groundingMetadata':{},'content':{'parts':[{'text':'Hi'}]}}]}

        data: {'candidates':[{'finishReason':'STOP','groundingMetadata':{'groundingChunks':[
        data: {'web':{'uri':'https://a.example/1','title':'One'}},{'web':7},{'tea':{}},null,
        data: {'web':{'uri':'javascript:alert(1)','title':'No'}},
        data: {'web':{'uri':'https://b.example/'}}],'webSearchQueries':['x'],
        data: 'groundingSupports':[{'segment':{'endIndex':2},'groundingChunkIndices':[0]}]}}]}

        """);
  }

  private void assertCited(Wire wire, String stream) throws Exception {
    try (RawServer server = RawServer.streaming(stream.replace('\'', '"'))) {
      ModelRequest request =
          new ModelRequest(
              "m",
              null,
              List.of(new ModelMessage(Role.USER, "Hello")),
              GenerationParams.NONE,
              PATIENT);
      List<ModelEvent> events = all(wire.provider(server.uri(), transport).open(request));
      assertThat(events.getLast()).isEqualTo(new ModelEvent.Finished(FinishReason.STOP));
      assertThat(events.stream().filter(event -> event instanceof ModelEvent.Cited))
          .containsExactly(
              new ModelEvent.Cited(Source.page("https://a.example/1", "One").orElseThrow()),
              new ModelEvent.Cited(Source.page("https://b.example/", "b.example").orElseThrow()));
    }
  }
}
