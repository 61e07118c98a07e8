package dev.perdure.retrieval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class ByteVectorTest {
  @Test
  void cosines_of_bytes_are_those_of_floats_to_a_hundredth() {
    Random random = new Random(1);
    for (int round = 0; round < 200; round++) {
      float[] a = vector(random);
      float[] b = vector(random);
      for (int i = 0; i < a.length; i++) {
        b[i] += a[i] * (round % 10) / 5f;
      }
      byte[] x = ByteVector.of(a);
      byte[] y = ByteVector.of(b);
      float cosine =
          ByteVector.dot(x, y, 0) * ByteVector.inverseNorm(x) * ByteVector.inverseNorm(y);
      double exact = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
      assertThat((double) cosine).isCloseTo(exact, within(0.01));
    }
  }

  @Test
  void vectors_at_the_edge_of_floats_do_no_harm() {
    assertThat(ByteVector.of(new float[] {Float.MAX_VALUE, -Float.MAX_VALUE, 0}))
        .containsExactly(127, -127, 0);
    assertThat(ByteVector.of(new float[] {Float.MIN_VALUE, 0})).containsExactly(127, 0);
    byte[] nothing = ByteVector.of(new float[3]);
    assertThat(nothing).containsOnly(0);
    assertThat(ByteVector.inverseNorm(nothing)).isZero();
  }

  private static float[] vector(Random random) {
    float[] out = new float[384];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) random.nextGaussian();
    }
    return out;
  }

  private static double dot(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }
}
