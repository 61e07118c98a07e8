package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class FrameMeterTest {
  private static final int DATA = 0;
  private static final int HEADERS = 1;
  private static final int RST_STREAM = 3;
  private static final int SETTINGS = 4;
  private static final int PING = 6;
  private static final int CONTINUATION = 9;
  private static final int END_HEADERS = 4;

  private final FrameMeter meter = new FrameMeter(0);

  private static byte[] frame(int type, int flags, int length) {
    byte[] frame = new byte[9 + length];
    frame[0] = (byte) (length >> 16);
    frame[1] = (byte) (length >> 8);
    frame[2] = (byte) length;
    frame[3] = (byte) type;
    frame[4] = (byte) flags;
    return frame;
  }

  private static byte[] join(byte[]... frames) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] frame : frames) {
      out.writeBytes(frame);
    }
    return out.toByteArray();
  }

  @Test
  void frames_are_followed_wherever_the_bytes_are_cut() {
    byte[] bytes =
        join(
            new byte[24],
            frame(SETTINGS, 0, 0),
            frame(HEADERS, END_HEADERS, 300),
            frame(DATA, 1, 70_000));
    for (int size : new int[] {1, 2, 7, 10, 1000, bytes.length}) {
      FrameMeter cut = new FrameMeter(24);
      for (int at = 0; at < bytes.length; at += size) {
        int end = Math.min(bytes.length, at + size);
        assertThat(cut.take(Arrays.copyOfRange(bytes, at, end))).isTrue();
        assertThat(cut.midway())
            .as("after %d", end)
            .isEqualTo(end != 24 && end != 33 && end != 342 && end != bytes.length);
      }
    }
  }

  @Test
  void headers_without_end_are_midway_and_soon_too_many() {
    assertThat(meter.take(frame(HEADERS, 0, 10))).isTrue();
    assertThat(meter.midway()).isTrue();
    boolean allowed = true;
    int frames = 0;
    while (allowed) {
      allowed = meter.take(frame(CONTINUATION, 0, 0));
      frames++;
    }
    assertThat(frames).isBetween(2, 20);
  }

  @Test
  void headers_with_their_end_begin_anew() {
    for (int i = 0; i < 1000; i++) {
      assertThat(meter.take(join(frame(HEADERS, 0, 5), frame(CONTINUATION, END_HEADERS, 5))))
          .isTrue();
      assertThat(meter.midway()).isFalse();
      assertThat(meter.completedSome()).isTrue();
    }
  }

  @Test
  void requests_and_those_taken_back_are_counted_of_the_last_bytes() {
    byte[] request = frame(HEADERS, END_HEADERS, 20);
    byte[] reset = frame(RST_STREAM, 0, 4);
    assertThat(meter.take(join(request, reset, request, reset, reset))).isTrue();
    assertThat(meter.requests()).isEqualTo(2);
    assertThat(meter.resets()).isEqualTo(3);
    assertThat(meter.take(request)).isTrue();
    assertThat(meter.resets()).isZero();
  }

  @Test
  void control_frames_alone_are_no_conversation() {
    boolean allowed = true;
    int frames = 0;
    while (allowed) {
      allowed = meter.take(frame(PING, 0, 8));
      frames++;
    }
    assertThat(frames).isEqualTo(10_001);
    FrameMeter busy = new FrameMeter(0);
    for (int i = 0; i < 30_000; i++) {
      assertThat(busy.take(frame(PING, 0, 8))).isTrue();
      if (i % 1000 == 0) {
        assertThat(busy.take(frame(DATA, 0, 1))).isTrue();
      }
    }
  }
}
