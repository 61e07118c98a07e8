package dev.perdure.embedding;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.ProviderSettings;
import dev.perdure.provider.Secret;
import dev.perdure.provider.http.ChunkJson;
import dev.perdure.provider.http.JsonPost;
import dev.perdure.provider.http.Transport;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Any server with OpenAI's {@code POST /embeddings}: OpenAI, Ollama, vLLM, llama.cpp, LM Studio and
 * others. Thread-safe. Source: platform.openai.com/docs/api-reference/embeddings.
 *
 * <pre>
 * {"model":"m","input":["text", …],"encoding_format":"float","dimensions":512}
 * {"data":[{"index":0,"embedding":[0.1, …]}, …]}
 * </pre>
 */
public final class OpenAiEmbedder implements Embedder {
  /** Far more than any model has. */
  public static final int MAX_DIMENSIONS = 8_192;

  private static final String PATH = "/embeddings";

  /** A number with all its digits, a comma and what else may stand around it. */
  private static final int BYTES_PER_NUMBER = 40;

  private static final int USUAL_DIMENSIONS = 1_024;

  private static final int BYTES_AROUND = 64 * 1024;
  private static final int MAX_BYTES = 64 * 1024 * 1024;

  private final ProviderSettings settings;
  private final Transport transport;
  private final String vendorModel;
  private final int dimensions;
  private final int batch;

  /**
   * @param vendorModel as the server calls it
   * @param dimensions to ask for; 0 for as many as the model has by itself
   * @param batch the most texts of one call
   */
  public OpenAiEmbedder(
      ProviderSettings settings,
      Transport transport,
      String vendorModel,
      int dimensions,
      int batch) {
    this.settings = settings;
    this.transport = transport;
    this.vendorModel = vendorModel;
    this.dimensions = dimensions;
    this.batch = batch;
  }

  @Override
  public String model() {
    return dimensions == 0 ? vendorModel : vendorModel + "@" + dimensions;
  }

  @Override
  public int batch() {
    return batch;
  }

  @Override
  public List<float[]> embed(List<String> texts, Duration limit) throws ProviderException {
    @Nullable Secret key = settings.apiKey();
    Map<String, String> headers =
        key == null ? Map.of() : Map.of("Authorization", "Bearer " + key.reveal());
    int most = dimensions == 0 ? MAX_DIMENSIONS : dimensions;
    long bytes = BYTES_AROUND + (long) texts.size() * most * BYTES_PER_NUMBER;
    byte[] answer =
        JsonPost.send(
            transport,
            settings,
            PATH,
            headers,
            request(texts),
            limit,
            (int) Math.min(bytes, MAX_BYTES));
    try {
      return read(answer, texts.size());
    } catch (IOException e) {
      throw malformed("an answer that is not the JSON of embeddings");
    }
  }

  private byte[] request(List<String> texts) {
    ObjectNode body = JsonNodeFactory.instance.objectNode();
    body.put("model", vendorModel);
    ArrayNode input = body.putArray("input");
    texts.forEach(text -> input.add(Json.clean(text)));
    body.put("encoding_format", "float");
    if (dimensions != 0) {
      body.put("dimensions", dimensions);
    }
    return body.toString().getBytes(StandardCharsets.UTF_8);
  }

  private List<float[]> read(byte[] answer, int count) throws IOException, ProviderException {
    List<float @Nullable []> vectors = new ArrayList<>(Collections.nCopies(count, null));
    ChunkJson.document(
        answer,
        answer.length,
        (name, value) -> {
          if (name.equals("data") && value.currentToken() == JsonToken.START_ARRAY) {
            for (int i = 0; value.nextToken() != JsonToken.END_ARRAY; i++) {
              one(value, i, vectors);
            }
          }
        });
    List<float[]> out = new ArrayList<>(count);
    for (float @Nullable [] vector : vectors) {
      if (vector == null) {
        throw malformed("fewer vectors than it was sent texts");
      }
      out.add(vector);
    }
    return out;
  }

  /** One of the answer's objects; without an index it stands for the text at its place. */
  private void one(JsonParser value, int place, List<float @Nullable []> vectors)
      throws IOException, ProviderException {
    long[] index = {place};
    float @Nullable [][] found = {null};
    ChunkJson.object(
        value,
        (name, field) -> {
          if (name.equals("index")) {
            index[0] =
                field.currentToken() == JsonToken.VALUE_NUMBER_INT ? field.getLongValue() : -1;
          } else if (name.equals("embedding")) {
            found[0] = vector(field);
          }
        });
    boolean fits = index[0] >= 0 && index[0] < vectors.size();
    if (!fits || found[0] == null || vectors.get((int) index[0]) != null) {
      throw malformed("vectors that do not belong to the texts it was sent");
    }
    vectors.set((int) index[0], found[0]);
  }

  private float[] vector(JsonParser value) throws IOException, ProviderException {
    float[] out = new float[dimensions == 0 ? USUAL_DIMENSIONS : dimensions];
    int length = 0;
    if (value.currentToken() != JsonToken.START_ARRAY) {
      throw malformed("a vector that is no list of numbers");
    }
    while (value.nextToken() != JsonToken.END_ARRAY) {
      if (!value.currentToken().isNumeric() || length == MAX_DIMENSIONS) {
        throw malformed("a vector that is no list of numbers");
      }
      if (length == out.length) {
        out = Arrays.copyOf(out, Math.min(MAX_DIMENSIONS, length * 2));
      }
      out[length++] = value.getFloatValue();
    }
    if (dimensions != 0 && length != dimensions) {
      throw malformed("vectors of " + length + " dimensions instead of " + dimensions);
    }
    return Arrays.copyOf(out, length);
  }

  private ProviderException malformed(String what) {
    return new ProviderException(
        Kind.MALFORMED, "The provider '" + settings.name() + "' sent " + what + ".");
  }
}
