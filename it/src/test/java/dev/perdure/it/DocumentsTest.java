package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Documents of the packaged server: taken in, prepared by whoever lives, drawn upon. */
class DocumentsTest {
  @TempDir Path data;

  /** The smallest PDF with a text; readers rebuild the table of its objects. */
  private static String pdf(String text) {
    String drawing = "BT /F1 12 Tf 72 700 Td (" + text + ") Tj ET";
    return """
    %%PDF-1.4
    1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj
    2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj
    3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R
      /Resources <</Font <</F1 5 0 R>>>>>> endobj
    4 0 obj <</Length %d>> stream
    %s
    endstream endobj
    5 0 obj <</Type /Font /Subtype /Type1 /BaseFont /Helvetica>> endobj
    trailer <</Root 1 0 R /Size 6>>
    %%%%EOF
    """
        .formatted(drawing.length(), drawing);
  }

  private static String add(Api api, String name, String type, String content) {
    return api.post("/v1/documents?name=" + name, content, "Content-Type", type)
        .expect(201)
        .json()
        .required("id")
        .textValue();
  }

  private static JsonNode awaitOver(Api api, String document) {
    return Await.until(
        "the end of " + document,
        () -> {
          JsonNode now = api.get("/v1/documents/" + document).expect(200).json();
          return now.required("state").textValue().equals("pending") ? null : now;
        });
  }

  @Test
  void what_was_taken_in_before_a_kill_is_prepared_after_it_and_drawn_upon() {
    try (Server server = Server.setup().start(data)) {
      Api api = server.api();
      String pdf = add(api, "heron.pdf", "application/pdf", pdf("The heron is named Gustav."));
      String text = add(api, "shed.txt", "text/plain", "The code of the shed is 7319.");
      String broken = add(api, "broken.pdf", "application/pdf", "%PDF-1.4 and nothing else");
      server.kill();

      Api again = server.startAgain().api();
      assertThat(awaitOver(again, pdf).path("reason").asText()).isEmpty();
      assertThat(awaitOver(again, text).path("state").asText()).isEqualTo("ready");
      JsonNode failed = awaitOver(again, broken);
      assertThat(failed.path("state").asText()).isEqualTo("failed");
      assertThat(failed.path("reason").asText()).contains("damaged");

      String session = again.createSession();
      String turn = again.submit(session, "How is the heron named?");
      assertThat(again.awaitEnd(turn)).isEqualTo("completed");
      JsonNode sources =
          Await.until(
              "the record of what was shown",
              () -> {
                JsonNode context = again.get("/v1/turns/" + turn + "/context").json();
                return context.path("attempts").isEmpty()
                    ? null
                    : context.at("/attempts/0/sources");
              });
      assertThat(sources.findValuesAsText("id")).contains(pdf);
    }
  }
}
