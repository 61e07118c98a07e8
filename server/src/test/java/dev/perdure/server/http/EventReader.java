package dev.perdure.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import dev.perdure.server.http.SseText.Frame;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Reads an event stream on a thread of its own, as a browser would. */
final class EventReader implements AutoCloseable {
  private static final long PATIENCE_SECONDS = 20;

  /** A dispatched frame, the stream's clean end, or its break. */
  private sealed interface Item {
    record Got(Frame frame) implements Item {}

    record End(boolean clean) implements Item {}
  }

  final HttpResponse<InputStream> response;
  private final LinkedBlockingQueue<Item> items = new LinkedBlockingQueue<>();
  private volatile String all = "";

  EventReader(HttpResponse<InputStream> response) {
    this.response = response;
    Thread.ofVirtual().start(this::read);
  }

  private void read() {
    StringBuilder block = new StringBuilder();
    String id = "";
    try (InputStream in = response.body()) {
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      for (int b = in.read(); b >= 0; b = in.read()) {
        line.write(b);
        if (b == '\n') {
          String text = line.toString(UTF_8);
          line.reset();
          received(text);
          block.append(text);
          if (text.equals("\n")) {
            for (Frame frame : SseText.parse("id: " + id + "\n" + block)) {
              items.add(new Item.Got(frame));
            }
            String newId = SseText.lastId(block.toString());
            id = newId.isEmpty() ? id : newId;
            block.setLength(0);
          }
        }
      }
      items.add(new Item.End(true));
    } catch (IOException e) {
      items.add(new Item.End(false));
    }
  }

  /** Only the reading thread writes. */
  private void received(String text) {
    String before = all;
    all = before + text;
  }

  int status() {
    return response.statusCode();
  }

  /** Everything received so far, comments included. */
  String text() {
    return all;
  }

  /** The next frame; null at a clean end. */
  @Nullable Frame next() throws InterruptedException {
    Item item = items.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
    return switch (item) {
      case null -> throw new AssertionError("No frame in time; so far: " + all);
      case Item.Got got -> got.frame();
      case Item.End end -> {
        items.add(end);
        if (!end.clean()) {
          throw new AssertionError("The stream broke; so far: " + all);
        }
        yield null;
      }
    };
  }

  /** The frames up to the clean end. */
  List<Frame> rest() throws InterruptedException {
    List<Frame> frames = new ArrayList<>();
    for (Frame frame = next(); frame != null; frame = next()) {
      frames.add(frame);
    }
    return frames;
  }

  /** Frames up to and including the first whose data holds the text. */
  List<Frame> until(String text) throws InterruptedException {
    List<Frame> frames = new ArrayList<>();
    while (true) {
      Frame frame = next();
      if (frame == null) {
        throw new AssertionError("The stream ended before '" + text + "': " + all);
      }
      frames.add(frame);
      if (frame.data().contains(text)) {
        return frames;
      }
    }
  }

  static JsonNode json(Frame frame) throws IOException {
    return Json.MAPPER.readTree(frame.data());
  }

  @Override
  public void close() throws IOException {
    response.body().close();
  }
}
