package dev.perdure.it;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** The scripted model server, as a process of its own; it keeps a journal of the calls it got. */
final class FakeProvider implements AutoCloseable {
  private static final Pattern READY = Pattern.compile("fake-provider listening on (http://\\S+)");

  private final PerdureProcess process;
  private final String url;

  private FakeProvider() {
    process = PerdureProcess.launch(Map.of(), READY, List.of("fake-provider", "--port", "0"));
    url = process.awaitReady();
  }

  static FakeProvider start() {
    return new FakeProvider();
  }

  String url() {
    return url;
  }

  /** The calls whose model or beginning of a prompt contains this text. */
  List<JsonNode> calls(String text) {
    JsonNode journal = new Api(url).get("/__calls").json().required("calls");
    List<JsonNode> calls = new ArrayList<>();
    for (JsonNode call : journal) {
      if (call.toString().contains(text)) {
        calls.add(call);
      }
    }
    return calls;
  }

  /** Whether the caller went away before the answer was complete. */
  static boolean aborted(JsonNode call) {
    return call.required("state").textValue().equals("aborted");
  }

  @Override
  public void close() {
    process.close();
  }
}
