package dev.perdure.server;

import dev.perdure.embedding.Embedder;
import java.time.Duration;
import java.util.List;
import java.util.Locale;

/** Texts are near to each other if they share groups of three letters: no model, but in-process. */
public final class TrigramEmbedder implements Embedder {
  private static final int DIMENSIONS = 256;

  @Override
  public String model() {
    return "trigrams";
  }

  @Override
  public int batch() {
    return 100;
  }

  @Override
  public List<float[]> embed(List<String> texts, Duration limit) {
    return texts.stream().map(TrigramEmbedder::vector).toList();
  }

  private static float[] vector(String text) {
    float[] vector = new float[DIMENSIONS];
    String plain = " " + text.toLowerCase(Locale.ROOT) + " ";
    for (int i = 0; i + 3 <= plain.length(); i++) {
      vector[Math.floorMod(plain.substring(i, i + 3).hashCode(), DIMENSIONS)]++;
    }
    return vector;
  }
}
