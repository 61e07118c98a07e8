package dev.perdure.server.aisdk;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.chat.Turn;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.LineBuffer;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.server.http.Exchange;
import dev.perdure.server.http.HttpLimits;
import dev.perdure.server.http.ProjectedStreams;
import dev.perdure.server.http.Projection;
import dev.perdure.server.http.WebSocket;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * One connection of the AI SDK's {@code WebSocketChatTransport}: several requests at once, each
 * answered by a stream of its own, which takes a place among the streams of the caller. Run by the
 * thread of its request; each request has a thread.
 *
 * <pre>
 *   ← {"type":"start", "requestId"}                        to a resume that has something
 *   ← {"type":"chunk", "requestId", "sequence", "chunk"}   as the event stream, from 0
 *   ← {"type":"end", "requestId"}                          where that has its [DONE]
 *   ← {"type":"error", "requestId", "errorText"}           a refusal, or a stream that was cut
 *   ← {"type":"no-active", "requestId"}                    to a resume that has nothing
 * </pre>
 *
 * <p>{@code abort} ends the stream and not the reply, as a closed connection does by HTTP: {@code
 * useChat} sends it whenever its component goes. Where the server drains, the connection goes
 * without an {@code end}, which the client takes for a lost network.
 */
final class ChatSocket {
  private static final Logger LOG = System.getLogger(ChatSocket.class.getName());

  /** Requests of one connection at a time. */
  private static final int MOST_AT_ONCE = 32;

  private final Replies replies;
  private final ProjectedStreams streams;
  private final HttpLimits limits;
  private final RandomGenerator random;
  private final Exchange exchange;
  private final WebSocket socket;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  @GuardedBy("lock")
  private final Map<String, Request> requests = new HashMap<>();

  ChatSocket(
      Replies replies,
      ProjectedStreams streams,
      HttpLimits limits,
      RandomGenerator random,
      Exchange exchange,
      WebSocket socket) {
    this.replies = replies;
    this.streams = streams;
    this.limits = limits;
    this.random = random;
    this.exchange = exchange;
    this.socket = socket;
  }

  /** Serves the connection until its end, and that of all its requests. */
  void run() {
    try {
      byte[] message;
      while ((message = socket.read()) != null) {
        Optional<SocketFrame> frame = SocketFrame.read(message);
        if (frame.isEmpty() || !take(frame.get())) {
          socket.refuse();
        }
      }
    } finally {
      socket.close();
      awaitEnds();
    }
  }

  /** Begins what a frame asks for; false if the frame makes no sense. */
  private boolean take(SocketFrame frame) {
    if (frame instanceof SocketFrame.Abort abort) {
      lock.lock();
      try {
        Request request = requests.get(abort.requestId());
        if (request != null) {
          request.leave();
        }
      } finally {
        lock.unlock();
      }
      return true;
    }
    Request request = new Request(frame.requestId());
    boolean room;
    lock.lock();
    try {
      room = requests.size() < MOST_AT_ONCE;
      if (room && requests.putIfAbsent(request.id, request) != null) {
        return false;
      }
    } finally {
      lock.unlock();
    }
    if (room) {
      Thread.ofVirtual().name("perdure-socket-request").start(() -> answer(request, frame));
    } else {
      error(request, "There are " + MOST_AT_ONCE + " requests at once on this connection. Wait.");
    }
    return true;
  }

  private void awaitEnds() {
    lock.lock();
    try {
      requests.values().forEach(Request::leave);
      while (!requests.isEmpty()) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  private void answer(Request request, SocketFrame frame) {
    try (ProjectedStreams.Place place = streams.take(exchange)) {
      if (request.has(place) && !tell(request, frame, place) && !request.left()) {
        if (place.leaving()) {
          // An error would be the end of the reply to the client, which is to come again.
          socket.restart();
        } else {
          error(request, "The stream was cut short, the reply goes on. Resume it.");
        }
      }
    } catch (PerdureException e) {
      exchange.refused(e.code());
      boolean ours = e.code() == ErrorCode.INTERNAL || e.code() == ErrorCode.CONFIG;
      error(request, ours ? incident(e) : e.getMessage());
    } catch (IOException | InterruptedException e) {
      socket.close();
    } catch (RuntimeException e) {
      exchange.refused(ErrorCode.INTERNAL);
      error(request, incident(e));
    } finally {
      lock.lock();
      try {
        requests.remove(request.id);
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  /** Whether the stream was told to its end. */
  private boolean tell(Request request, SocketFrame frame, ProjectedStreams.Place place)
      throws IOException, InterruptedException {
    Replies.Reply reply;
    switch (frame) {
      case SocketFrame.Send send ->
          reply =
              replies.posted(
                  exchange.caller(),
                  send.members().request(limits.body()),
                  send.headers().get("idempotency-key"),
                  Replies.attempts(send.headers().get("x-perdure-attempts")),
                  place);
      case SocketFrame.Resume resume -> {
        String chat = resume.members().chat();
        Optional<Turn> turn = replies.current(exchange.caller(), chat);
        if (turn.isEmpty()) {
          send(request, "no-active", null);
          return true;
        }
        UiMessageStream.Attempts attempts =
            Replies.attempts(resume.headers().get("x-perdure-attempts"));
        reply = replies.whole(exchange.caller(), turn.get(), attempts, place);
        send(request, "start", null);
      }
      case SocketFrame.Abort abort -> throw new IllegalStateException("It begins nothing");
    }
    return place.tell(reply.turn(), new Frames(request.id, reply.stream()), socket);
  }

  private String incident(Exception e) {
    String incident = HexFormat.of().toHexDigits(random.nextLong());
    LOG.log(Level.ERROR, "Incident " + incident + " over a WebSocket: its client is told.", e);
    return "Something went wrong in the server. Try again; if it stays, report incident "
        + incident
        + " to whoever runs it.";
  }

  private void error(Request request, @Nullable String text) {
    send(request, "error", text);
  }

  private void send(Request request, String type, @Nullable String errorText) {
    LineBuffer json = new LineBuffer().raw("{\"type\":\"").raw(type).raw("\",\"requestId\":");
    json.quoted(request.id);
    if (errorText != null) {
      json.raw(",\"errorText\":").quoted(errorText);
    }
    socket.send(json.raw('}').take());
  }

  /** A request that is being answered. */
  private static final class Request {
    private final String id;

    @GuardedBy("this")
    private ProjectedStreams.@Nullable Place place;

    @GuardedBy("this")
    private boolean left;

    Request(String id) {
      this.id = id;
    }

    /** Has a place from now on; false if nobody wants the answer any more. */
    synchronized boolean has(ProjectedStreams.Place taken) {
      place = taken;
      return !left;
    }

    synchronized void leave() {
      left = true;
      if (place != null) {
        place.leave();
      }
    }

    synchronized boolean left() {
      return left;
    }
  }

  /** The chunks of a stream, numbered, in the frames of one request. Used by one thread. */
  private static final class Frames implements Projection {
    private final byte[] requestId;
    private final UiMessageStream stream;
    private final LineBuffer line = new LineBuffer();
    private long sequence;

    Frames(String requestId, UiMessageStream stream) {
      this.requestId = line.quoted(requestId).take();
      this.stream = stream;
    }

    @Override
    public Then apply(long seq, TurnEvent event, Out out) {
      return stream.apply(
          seq,
          event,
          new Out() {
            @Override
            public void data(byte[] chunk) {
              out.data(framed(chunk));
            }

            @Override
            public void done() {
              out.data(end());
            }

            @Override
            public void passing(String name, byte[] chunk) {
              data(chunk);
            }
          });
    }

    private byte[] framed(byte[] chunk) {
      line.raw("{\"type\":\"chunk\",\"requestId\":").json(requestId);
      line.raw(",\"sequence\":").number(sequence++);
      return line.raw(",\"chunk\":").json(chunk).raw('}').take();
    }

    private byte[] end() {
      return line.raw("{\"type\":\"end\",\"requestId\":").json(requestId).raw('}').take();
    }
  }
}
