package dev.perdure.retrieval;

/**
 * Vectors with a signed byte for each dimension: a quarter of the size of floats. What the rounding
 * costs is below a hundredth of a cosine. Stateless.
 */
final class ByteVector {
  private static final int LARGEST = 127;

  private ByteVector() {}

  /** The vector, stretched so that its largest number is 127. */
  static byte[] of(float[] vector) {
    float largest = 0;
    for (float number : vector) {
      largest = Math.max(largest, Math.abs(number));
    }
    byte[] out = new byte[vector.length];
    for (int i = 0; i < out.length && largest > 0; i++) {
      // Divided first: the product of a huge number would be infinite.
      out[i] = (byte) Math.round(vector[i] / largest * LARGEST);
    }
    return out;
  }

  /** The product of one vector with those bytes of another one's array that begin at an offset. */
  static int dot(byte[] vector, byte[] others, int offset) {
    int sum = 0;
    for (int i = 0; i < vector.length; i++) {
      sum += vector[i] * others[offset + i];
    }
    return sum;
  }

  /**
   * By what products with the vector are multiplied to make them cosines; 0 if it has no length.
   */
  static float inverseNorm(byte[] vector) {
    int square = dot(vector, vector, 0);
    return square == 0 ? 0 : (float) (1 / Math.sqrt(square));
  }
}
