package dev.perdure.terminal;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnState;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * A chat in the terminal. Everything it knows about a reply it has from the server's event stream,
 * so that leaving, losing the connection and coming back are the same case.
 *
 * <p>One loop on one thread; a reader of the keyboard and a {@link ReplyFeed} put into its queue.
 */
public final class Chat {
  private static final String DEFAULT_PORT = "8080";
  private static final String PROMPT = "you> ";
  private static final int QUEUE = 1024;
  private static final int SUBMIT_TRIES = 5;
  private static final Duration SUBMIT_PAUSE = Duration.ofSeconds(1);

  /** What the client touches of the process that it runs in. */
  record Surroundings(
      InputStream in,
      PrintStream out,
      PrintStream err,
      boolean inputIsTerminal,
      boolean outputIsTerminal,
      Map<String, String> env,
      ReplyFeed.Pause pause) {}

  private final Surroundings world;
  private final ChatOptions options;
  private final ChatServer server;
  private final Path stateFile;
  private final BlockingQueue<Happening> happenings = new ArrayBlockingQueue<>(QUEUE);
  private final Deque<String> typedAhead = new ArrayDeque<>();
  private boolean inputEnded;
  private boolean listening;
  private boolean lastCompleted = true;
  private @Nullable ChatState resumed;
  private @Nullable String session;

  /** What leaving in the middle of a reply has to store; null while no reply runs. */
  private volatile @Nullable ChatState following;

  private Chat(Surroundings world, ChatOptions options, ChatServer server, Path stateFile) {
    this.world = world;
    this.options = options;
    this.server = server;
    this.stateFile = stateFile;
  }

  /** Runs {@code perdure chat} with this process's streams and returns its exit code. */
  public static int run(String[] args) {
    Surroundings world =
        new Surroundings(
            System.in,
            new PrintStream(
                new java.io.FileOutputStream(java.io.FileDescriptor.out),
                false,
                StandardCharsets.UTF_8),
            System.err,
            Boolean.getBoolean("perdure.stdin.terminal"),
            Boolean.getBoolean("perdure.stdout.terminal"),
            System.getenv(),
            Thread::sleep);
    return run(args, world);
  }

  static int run(String[] args, Surroundings world) {
    ChatOptions options;
    Chat chat;
    try {
      options = ChatOptions.parse(args);
      if (options.help()) {
        world.out().print(ChatOptions.USAGE);
        world.out().flush();
        return 0;
      }
      chat = open(options, world);
    } catch (IllegalArgumentException e) {
      world.err().println("perdure chat: " + e.getMessage());
      return 2;
    }
    Thread leaving = Thread.ofPlatform().unstarted(chat::leftInTheMiddle);
    Runtime.getRuntime().addShutdownHook(leaving);
    try {
      return chat.chat() ? 0 : 1;
    } catch (RefusedException e) {
      world.err().println("perdure chat: " + e.text());
      return 1;
    } catch (IOException e) {
      world
          .err()
          .println(
              "perdure chat: no server answers at "
                  + chat.server.url()
                  + " ("
                  + Printable.line(String.valueOf(e.getMessage()))
                  + ").");
      world
          .err()
          .println(
              "  Start one with: ./perdure start   (or name another with --url or PERDURE_URL)");
      return 1;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return 1;
    } finally {
      removeHook(leaving);
      world.out().flush();
    }
  }

  private static Chat open(ChatOptions options, Surroundings world) {
    Path stateFile = ChatState.file(world.env());
    ChatState last = options.resume() ? ChatState.load(stateFile).orElse(null) : null;
    if (options.resume() && last == null) {
      throw new IllegalArgumentException(
          "there is no chat to resume: " + stateFile + " is missing. Begin one with: perdure chat");
    }
    String url = options.url();
    if (url == null) {
      url = last != null ? last.url() : defaultUrl(world.env());
    }
    String key = world.env().getOrDefault("PERDURE_API_KEY", "");
    Chat chat =
        new Chat(
            world,
            options,
            new ChatServer(ChatOptions.server(url), key.isBlank() ? null : key, ChatServer.SILENCE),
            stateFile);
    chat.resumed = last;
    return chat;
  }

  /** Where {@code ./perdure start} would listen in the same surroundings. */
  private static String defaultUrl(Map<String, String> env) {
    String url = env.getOrDefault("PERDURE_URL", "");
    String port = env.getOrDefault("PERDURE_PORT", "");
    return !url.isBlank() ? url : "http://127.0.0.1:" + (port.isBlank() ? DEFAULT_PORT : port);
  }

  /** True if the last reply was complete. */
  private boolean chat() throws IOException, RefusedException, InterruptedException {
    ChatState last = resumed;
    if (last != null) {
      session = last.session();
    } else if (options.session() != null) {
      session = options.session();
      server.checkSession(session);
    } else {
      session = server.createSession();
    }
    String message = options.message();
    if (message != null) {
      if (message.equals("-")) {
        message = new String(world.in().readAllBytes(), StandardCharsets.UTF_8);
      }
      ask(message, world.outputIsTerminal());
      return lastCompleted;
    }
    listen();
    String turn = last == null ? null : turnToResume(last);
    if (turn != null) {
      follow(turn, true);
    } else if (world.inputIsTerminal()) {
      world
          .err()
          .println("Session " + session + " at " + server.url() + "; /help says what you can do.");
    }
    talk();
    return lastCompleted;
  }

  /**
   * The turn that was followed last, or, left before its id had come, the newest of the session.
   */
  private @Nullable String turnToResume(ChatState last) throws IOException, RefusedException {
    if (last.turn() != null) {
      return last.turn();
    }
    String turn = server.messages(last.session()).path(0).path("turn").asText("");
    return turn.isEmpty() ? null : turn;
  }

  private void talk() throws IOException, RefusedException, InterruptedException {
    while (true) {
      if (world.inputIsTerminal() && typedAhead.isEmpty()) {
        world.out().print(PROMPT);
        world.out().flush();
      }
      String line = nextLine();
      if (line == null) {
        return;
      }
      switch (line.strip()) {
        case "" -> {}
        case "/quit", "/exit" -> {
          return;
        }
        case "/help" -> world.err().print(ChatOptions.USAGE);
        case "/cancel" -> world.err().println("[nothing is running]");
        case "/new" -> {
          session = server.createSession();
          world.err().println("[session " + session + "]");
        }
        default -> askAndGoOn(line);
      }
    }
  }

  /** A person may try again; a script wants to know. */
  private void askAndGoOn(String line) throws IOException, RefusedException, InterruptedException {
    try {
      ask(line, true);
    } catch (RefusedException e) {
      if (!world.inputIsTerminal()) {
        throw e;
      }
      world.err().println("[" + e.text() + "]");
    } catch (IOException e) {
      if (!world.inputIsTerminal()) {
        throw e;
      }
      world.err().println("[the message was not sent, no server answers at " + server.url() + "]");
    }
  }

  private void ask(String message, boolean live)
      throws IOException, RefusedException, InterruptedException {
    // Before the answer is there: whoever is killed meanwhile finds the reply by its session.
    store(new ChatState(server.url(), currentSession(), null, -1));
    String turn = submit(message);
    store(new ChatState(server.url(), currentSession(), turn, -1));
    follow(turn, live);
  }

  /** Sends a message; a lost answer is asked for again under the same key. */
  private String submit(String message) throws IOException, RefusedException, InterruptedException {
    String key = UUID.randomUUID().toString();
    for (int attempt = 1; ; attempt++) {
      try {
        return server.submit(currentSession(), message, options.models(), key);
      } catch (IOException e) {
        if (attempt == SUBMIT_TRIES) {
          throw e;
        }
      } catch (RefusedException e) {
        if (attempt == SUBMIT_TRIES || e.status() < 500) {
          throw e;
        }
      }
      world.pause().pause(SUBMIT_PAUSE);
    }
  }

  private void follow(String turn, boolean live) throws IOException, InterruptedException {
    ReplyPrinter printer = new ReplyPrinter(world.out(), world.err(), live);
    Questions questions = new Questions(server, turn, printer);
    ChatState state = new ChatState(server.url(), currentSession(), turn, -1);
    following = state;
    try {
      ReplyFeed feed = new ReplyFeed(server, turn, happenings, world.pause());
      Thread.ofVirtual().name("feed").start(feed);
      while (true) {
        switch (happenings.take()) {
          case Happening.Event e -> {
            printer.print(e.seq(), e.event());
            questions.take(e.event());
            state = new ChatState(state.url(), state.session(), turn, e.seq());
            following = state;
            if (e.event() instanceof TurnEnded ended) {
              ended(ended, printer);
              return;
            }
            if (questions.any() && nobodyIsHere(printer)) {
              return;
            }
          }
          case Happening.Interrupted e ->
              printer.note("connection lost: " + e.why() + "; trying again");
          case Happening.Restored e -> printer.note("connected again");
          case Happening.GaveUp e -> {
            gaveUp(e, turn, printer);
            return;
          }
          case Happening.Line e -> {
            if (questions.any() && !e.text().startsWith("/")) {
              questions.answer(e.text());
            } else {
              typedWhileStreaming(e.text(), turn, printer);
            }
          }
          case Happening.InputEnded e -> {
            inputEnded = true;
            if (questions.any() && nobodyIsHere(printer)) {
              return;
            }
          }
        }
      }
    } finally {
      following = null;
      store(state);
    }
  }

  /** Whether nobody can answer a question any more; listens to the keyboard from the first one. */
  private boolean nobodyIsHere(ReplyPrinter printer) {
    if (inputEnded) {
      lastCompleted = false;
      printer.note("nobody is here to answer; --resume asks again");
      return true;
    }
    listen();
    return false;
  }

  private void listen() {
    if (!listening) {
      listening = true;
      Thread.ofPlatform().daemon().name("keyboard").start(this::readKeyboard);
    }
  }

  private void ended(TurnEnded event, ReplyPrinter printer) {
    lastCompleted = event.state() == TurnState.COMPLETED;
    TurnError error = event.error();
    if (error != null) {
      printer.note("the turn ended as " + event.state().wire() + ": " + error.text());
    }
  }

  private void gaveUp(Happening.GaveUp event, String turn, ReplyPrinter printer)
      throws IOException {
    lastCompleted = false;
    printer.note(event.why());
    if (event.status() == 410) {
      try {
        printStored(turn);
      } catch (RefusedException e) {
        printer.note(e.text());
      }
    }
  }

  /** The log is gone by retention; the message it led to is kept. */
  private void printStored(String turn) throws IOException, RefusedException {
    for (JsonNode message : server.messages(currentSession())) {
      if (message.path("turn").asText().equals(turn)
          && message.path("role").asText().equals("assistant")) {
        StringBuilder text = new StringBuilder();
        for (JsonNode part : message.path("parts")) {
          if (part.path("type").asText().equals("text")) {
            text.append(part.path("text").asText());
          }
        }
        world.out().println(Printable.text(text.toString()));
        lastCompleted = message.path("status").asText().equals("complete");
      }
    }
    world.out().flush();
  }

  private void typedWhileStreaming(String line, String turn, ReplyPrinter printer) {
    if (!line.strip().equals("/cancel")) {
      typedAhead.add(line);
      return;
    }
    try {
      server.cancel(turn);
    } catch (RefusedException e) {
      printer.note(e.text());
    } catch (IOException e) {
      printer.note("not cancelled, the server cannot be reached; type /cancel again");
    }
  }

  /** The next line typed; null at the end of the input. No reply is followed meanwhile. */
  private @Nullable String nextLine() throws InterruptedException {
    if (!typedAhead.isEmpty()) {
      return typedAhead.removeFirst();
    }
    while (!inputEnded) {
      switch (happenings.take()) {
        case Happening.Line e -> {
          return e.text();
        }
        case Happening.InputEnded e -> inputEnded = true;
        case Happening.Event e -> throw unexpected(e);
        case Happening.Interrupted e -> throw unexpected(e);
        case Happening.Restored e -> throw unexpected(e);
        case Happening.GaveUp e -> throw unexpected(e);
      }
    }
    return null;
  }

  private static IllegalStateException unexpected(Happening happening) {
    return new IllegalStateException("Nothing is followed, but there is " + happening);
  }

  private void readKeyboard() {
    Charset charset = Charset.forName(System.getProperty("stdin.encoding", "UTF-8"));
    try {
      BufferedReader lines = new BufferedReader(new InputStreamReader(world.in(), charset));
      try {
        String line;
        while ((line = lines.readLine()) != null) {
          happenings.put(new Happening.Line(line));
        }
      } catch (IOException e) {
        // A terminal that has gone away reads as an error; to the chat it is the end of the input.
      }
      happenings.put(new Happening.InputEnded());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private String currentSession() {
    String current = session;
    if (current == null) {
      throw new IllegalStateException("No session yet");
    }
    return current;
  }

  private void store(ChatState state) {
    try {
      state.save(stateFile);
    } catch (IOException e) {
      world.err().println("[--resume will not work: cannot write " + stateFile + ": " + e + "]");
    }
  }

  private void leftInTheMiddle() {
    ChatState state = following;
    if (state == null) {
      return;
    }
    store(state);
    world.out().flush();
    world
        .err()
        .println("\nThe reply goes on at the server. Pick it up with: ./perdure chat --resume");
  }

  private static void removeHook(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The process is ending already and the hook runs.
    }
  }
}
