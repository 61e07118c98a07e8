package dev.perdure.it.check;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One thing that a client did and what it got for it. A history is a file of them, one line of JSON
 * each. Times are milliseconds since 1970 by the one clock of the machine on which everything runs;
 * a status of 0 says that no whole answer came.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
@JsonSubTypes({
  @JsonSubTypes.Type(value = Observation.Posted.class, name = "posted"),
  @JsonSubTypes.Type(value = Observation.Cancelled.class, name = "cancelled"),
  @JsonSubTypes.Type(value = Observation.Streamed.class, name = "streamed"),
  @JsonSubTypes.Type(value = Observation.Trespassed.class, name = "trespassed"),
  @JsonSubTypes.Type(value = Observation.Left.class, name = "left"),
  @JsonSubTypes.Type(value = Observation.Answered.class, name = "answered"),
  @JsonSubTypes.Type(value = Observation.Looked.class, name = "looked")
})
public sealed interface Observation {

  /** What a client meant to send; posted once or, where answers were lost, again and again. */
  record Request(
      String key, String marker, String text, String says, List<String> models, String whenBusy) {
    public Request {
      models = List.copyOf(models);
    }

    /** Without the long texts, which are elsewhere. */
    @Override
    public String toString() {
      return key + " " + models + " " + whenBusy;
    }
  }

  /**
   * One POST of a message.
   *
   * @param turn the turn in the answer; null if there was none
   * @param code the code of the problem; null if there was none
   */
  record Posted(
      Request request,
      int node,
      long atMillis,
      long answeredMillis,
      int status,
      @Nullable String turn,
      @Nullable String code)
      implements Observation {}

  /** A turn as an answer described it. */
  record TurnSeen(String turn, String state) {}

  /**
   * A POST that asks for the end of something.
   *
   * @param target the path: of a turn, a lane or a session
   * @param turns the turns in the answer
   */
  record Cancelled(
      String target, int node, long atMillis, long answeredMillis, int status, List<TurnSeen> turns)
      implements Observation {
    public Cancelled {
      turns = List.copyOf(turns);
    }
  }

  /** A POST of a decision about a call of a tool. */
  record Answered(
      String turn,
      String call,
      String decision,
      int node,
      long atMillis,
      long answeredMillis,
      int status)
      implements Observation {}

  /** How a stream came to its end. */
  enum End {
    /** The client saw {@code turn.ended}. */
    TURN_ENDED,
    /** The client closed it. */
    CLIENT,
    /** The server ended it in order, without {@code turn.ended}. */
    SERVER,
    /** The connection broke, or was silent for too long. */
    BROKEN,
    /** There was no stream, but another status. */
    REFUSED
  }

  /**
   * One connection of a client to the events of a turn.
   *
   * @param client unique in the session; its streams follow one another
   * @param after the cursor that it sent; null for none
   * @param snapshot the data of the snapshot frame; null for none
   * @param lines the data of the other frames, in the order in which they came
   * @param oddity what was wrong with a frame itself; null for nothing
   * @param code the code of the problem, or what broke the connection; null for neither
   */
  record Streamed(
      String client,
      String turn,
      int node,
      long atMillis,
      long endedMillis,
      int status,
      @Nullable Long after,
      @Nullable String snapshot,
      List<String> lines,
      @Nullable String oddity,
      @Nullable String code,
      End end)
      implements Observation {
    public Streamed {
      lines = List.copyOf(lines);
    }
  }

  /** A client has left for good, before the end of the turn. */
  record Left(String client, String turn) implements Observation {}

  /** A GET of a turn; the body is its status with the text so far. */
  record Looked(String turn, int node, long atMillis, long answeredMillis, int status, String body)
      implements Observation {}

  /**
   * A request with the credential of somebody who has no right to it.
   *
   * @param turn the turn it was about, itself or by its session
   * @param what the method and path
   */
  record Trespassed(String turn, int node, String what, int status, String body)
      implements Observation {}
}
