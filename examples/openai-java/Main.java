import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.models.responses.Response;
import com.openai.models.responses.ResponseCreateParams;
import com.openai.models.responses.ResponseRetrieveParams;
import com.openai.models.responses.ResponseStreamEvent;

/** Asks through the official OpenAI client, leaves in mid-reply, and comes back for the rest. */
public class Main {
  public static void main(String[] args) {
    OpenAIClient client =
        OpenAIOkHttpClient.builder()
            .baseUrl(setting("PERDURE_URL", "http://127.0.0.1:8080") + "/openai/v1")
            .apiKey(setting("PERDURE_API_KEY", "none"))
            .build();
    ResponseCreateParams params =
        ResponseCreateParams.builder()
            .input(args.length == 0 ? "/long 40" : args[0])
            .model(setting("PERDURE_MODEL", "demo/demo"))
            .background(true)
            .build();
    String id = "";
    long last = -1;
    try (StreamResponse<ResponseStreamEvent> stream = client.responses().createStreaming(params)) {
      for (ResponseStreamEvent event : (Iterable<ResponseStreamEvent>) stream.stream()::iterator) {
        if (event.isCreated()) {
          id = event.asCreated().response().id();
        }
        if (event.isOutputTextDelta()) {
          last = event.asOutputTextDelta().sequenceNumber();
          System.out.print(event.asOutputTextDelta().delta());
          break; // The connection is closed. The reply goes on.
        }
      }
    }
    System.out.println(" …\n[left at event " + last + " of " + id + "]");
    resume(client, ResponseRetrieveParams.builder().responseId(id).startingAfter(last).build());
    Response response = client.responses().retrieve(id);
    System.out.println("\n[" + response.status().orElseThrow() + "]");
    client.close();
  }

  private static void resume(OpenAIClient client, ResponseRetrieveParams rest) {
    try (StreamResponse<ResponseStreamEvent> stream = client.responses().retrieveStreaming(rest)) {
      stream.stream()
          .filter(ResponseStreamEvent::isOutputTextDelta)
          .forEach(event -> System.out.print(event.asOutputTextDelta().delta()));
    }
  }

  private static String setting(String name, String otherwise) {
    String value = System.getenv(name);
    return value == null ? otherwise : value;
  }
}
