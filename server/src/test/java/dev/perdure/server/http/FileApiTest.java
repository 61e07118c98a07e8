package dev.perdure.server.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import dev.perdure.server.http.Door.Answer;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;

/** Files, from the request that brings them to the message that holds them; structured replies. */
@TestInstance(Lifecycle.PER_CLASS)
class FileApiTest {
  private static final byte[] PNG = "\u0089PNG\r\n\u001a\n some image".getBytes(ISO_8859_1);

  private Door door;

  @BeforeAll
  void open(@TempDir Path data) {
    door = new Door(data);
  }

  @AfterAll
  void close() {
    door.close();
  }

  private Answer add(String name, byte[] content) throws Exception {
    return door.send(
        door.request("/v1/files?name=" + name, "Content-Type", "text/html")
            .POST(BodyPublishers.ofByteArray(content)));
  }

  private Answer send(String session, String json) throws Exception {
    return door.post("/v1/sessions/" + session + "/turns", json.replace('\'', '"'));
  }

  private JsonNode messages(String session) throws Exception {
    return door.get("/v1/sessions/" + session + "/messages").json().path("items");
  }

  @Test
  void a_file_is_stored_once_and_comes_back_for_saving_only() throws Exception {
    Answer added = add("%C3%A4%20%22b%22.png", PNG);
    assertThat(added.status()).isEqualTo(201);
    assertThat(added.json().path("mediaType").textValue()).isEqualTo("image/png");
    assertThat(add("again.png", PNG).status()).isEqualTo(200);
    Answer content = door.get(added.header("location"));
    assertThat(content.response().body()).isEqualTo(PNG);
    assertThat(content.header("content-type")).isEqualTo("image/png");
    assertThat(content.header("content-length")).isEqualTo(Integer.toString(PNG.length));
    assertThat(content.header("content-disposition"))
        .isEqualTo("attachment; filename*=UTF-8''%C3%A4%20%22b%22.png");
    assertThat(content.header("x-content-type-options")).isEqualTo("nosniff");
    assertThat(content.header("content-security-policy")).contains("sandbox");
    assertThat(door.send("HEAD", added.header("location"), null).status()).isEqualTo(200);
  }

  @Test
  void a_message_holds_files_between_its_texts() throws Exception {
    String file =
        add("notes.txt", "The tower is tall.".getBytes(ISO_8859_1)).json().path("id").textValue();
    String session = door.session();
    Answer accepted =
        send(
            session,
            "{'parts':[{'type':'text','text':'a'},{'type':'file','file':'"
                + file
                + "'},{'type':'text','text':'b'}]}");
    assertThat(accepted.status()).isEqualTo(202);
    HandProvider.Call call = door.provider.call();
    assertThat(call.request.messages().getLast().text()).contains("The tower is tall.");
    call.say("ok").finish();
    JsonNode parts = messages(session).path(1).path("parts");
    assertThat(parts.findValuesAsText("type")).containsExactly("text", "file", "text");
    assertThat(parts.path(1).path("name").textValue()).isEqualTo("notes.txt");
    assertThat(parts.path(1).path("size").intValue()).isEqualTo(18);
  }

  @Test
  void what_cannot_be_given_to_the_model_is_refused_before_it_is_accepted() throws Exception {
    String image = add("a.gif", "GIF89a".getBytes(ISO_8859_1)).json().path("id").textValue();
    String session = door.session();
    Answer refused = send(session, "{'parts':[{'type':'file','file':'" + image + "'}]}");
    assertThat(refused.status()).isEqualTo(400);
    assertThat(refused.json().path("detail").textValue()).contains("hand/a", "image/gif");
    assertThat(door.get("/v1/models").json().at("/files/takes/hand~1a").toString()).isEqualTo("[]");
    assertThat(messages(session)).isEmpty();
  }

  @Test
  void unknown_files_and_wrong_parts_are_refused() throws Exception {
    String session = door.session();
    String none = "file_" + "0".repeat(26);
    assertThat(send(session, "{'parts':[{'type':'file','file':'" + none + "'}]}").status())
        .isEqualTo(404);
    assertThat(send(session, "{'parts':[{'type':'file','file':'x'}]}").status()).isEqualTo(404);
    assertThat(
            send(session, "{'parts':[{'type':'file','file':'" + none + "','text':'x'}]}").status())
        .isEqualTo(400);
    assertThat(add("a", new byte[] {0, 1, 2}).status()).isEqualTo(415);
    assertThat(add("a", new byte[0]).status()).isEqualTo(400);
    assertThat(door.send("POST", "/v1/files", "x", "Content-Type", "text/plain").status())
        .isEqualTo(400);
    assertThat(door.get("/v1/files/" + none).status()).isEqualTo(404);
  }

  @Test
  void a_reply_of_a_form_has_its_value_in_the_message() throws Exception {
    String session = door.session();
    String schema = "{'type':'object','properties':{'city':{'type':'string'}},'required':['city']}";
    Answer accepted = send(session, "{'text':'Where?','output':{'schema':" + schema + "}}");
    assertThat(accepted.status()).isEqualTo(202);
    door.provider.call().say("Graz").finish();
    HandProvider.Call second = door.provider.call();
    assertThat(second.request.after()).hasSize(2);
    second.say("{\"city\": \"Graz\"}").finish();
    String turn = accepted.json().path("turn").textValue();
    try (EventReader reader = door.events("/v1/turns/" + turn + "/events")) {
      reader.rest();
    }
    assertThat(messages(session).path(0).path("output"))
        .isEqualTo(Json.trusted("{\"city\":\"Graz\"}"));
    assertThat(messages(session).path(1).has("output")).isFalse();
  }

  @Test
  void a_session_can_have_a_form_for_all_replies_that_a_message_can_change_or_take_away()
      throws Exception {
    String session = door.session();
    String form = "{'name':'city','schema':{'type':'object','title':'City'}}";
    Answer set =
        door.send(
            "PATCH", "/v1/sessions/" + session, ("{'output':" + form + "}").replace('\'', '"'));
    assertThat(set.status()).isEqualTo(200);
    assertThat(set.json().path("output").path("name").textValue()).isEqualTo("city");
    assertThat(outputOf(session, "{'text':'Where?'}")).isEqualTo("City");
    String own = "{'schema':{'type':'object','title':'Own'}}";
    assertThat(outputOf(session, "{'text':'Where?','output':" + own + "}")).isEqualTo("Own");
    assertThat(outputOf(session, "{'text':'Where?','output':null}")).isEqualTo("any");
    Answer kept = door.send("PATCH", "/v1/sessions/" + session, "{\"title\":\"x\"}");
    assertThat(kept.json().path("output").path("name").textValue()).isEqualTo("city");
    Answer bad = door.send("PATCH", "/v1/sessions/" + session, "{\"output\":{\"schema\":1}}");
    assertThat(bad.status()).isEqualTo(400);
    Answer gone = door.send("PATCH", "/v1/sessions/" + session, "{\"output\":null}");
    assertThat(gone.json().has("output")).isFalse();
    assertThat(outputOf(session, "{'text':'Where?'}")).isEqualTo("any");
  }

  /** The title of the form that a message's model is told of. */
  private String outputOf(String session, String message) throws Exception {
    Answer accepted = send(session, message);
    assertThat(accepted.status()).isEqualTo(202);
    HandProvider.Call call = door.provider.call();
    String told = String.valueOf(call.request.instructions());
    String name = told.contains("City") ? "City" : told.contains("Own") ? "Own" : "any";
    call.say("{}").finish();
    String turn = accepted.json().path("turn").textValue();
    try (EventReader reader = door.events("/v1/turns/" + turn + "/events")) {
      reader.rest();
    }
    return name;
  }

  @Test
  void schemas_that_would_cost_too_much_are_refused() throws Exception {
    String session = door.session();
    for (String schema :
        new String[] {
          "null",
          "{'type':'string'}",
          "{'type':'object','properties':{'a':{'type':'string','pattern':'(a+)+$'}}}",
          "{'type':'object','$defs':{'a':{'$ref':'#/$defs/a'}},'$ref':'#/$defs/a'}",
          "{'type':'object','properties':{'a':{'$ref':'https://example.com/x'}}}",
        }) {
      Answer refused = send(session, "{'text':'x','output':{'schema':" + schema + "}}");
      assertThat(refused.status()).as(schema).isEqualTo(400);
      assertThat(refused.json().path("detail").textValue()).contains("schema");
    }
    assertThat(
            send(session, "{'text':'x','output':{'name':'a b','schema':{'type':'object'}}}")
                .status())
        .isEqualTo(400);
  }
}
