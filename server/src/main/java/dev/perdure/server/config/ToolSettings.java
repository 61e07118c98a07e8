package dev.perdure.server.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What models may use, and how much of it; section {@code tools}. */
public record ToolSettings(
    @Key(
            byDefault = "20",
            min = "1",
            max = "1000",
            text = "The most model calls of one reply that goes on by tools; then it fails.")
        int maxSteps,
    @Key(
            byDefault = "32",
            min = "1",
            max = "64",
            text = "The most calls of tools that one step of a reply makes; others are refused.")
        int maxCallsPerStep,
    @Key(
            byDefault = "2000000",
            min = "1000",
            max = "1000000000",
            text = "Tokens, in and out, of one reply from which on no further step begins.")
        long maxTokens,
    @Key(
            byDefault = "64KiB",
            min = "1KiB",
            max = "1MiB",
            text = "The largest result of one call that a model is shown.")
        ByteSize maxResult,
    @Key(
            byDefault = "30s",
            min = "10ms",
            max = "1h",
            text = "How long one call may take, where its tool does not say.")
        Duration timeout,
    @Key(
            byDefault = "24h",
            min = "1s",
            max = "365d",
            text = "How long an approval, or the result of a client's tool, is waited for.")
        Duration answerTimeout,
    @Key(
            byDefault = "32",
            min = "1",
            max = "128",
            text =
                "The most tools that a model is told of. Where there are more, those count first"
                    + " that the session has used, then those that share most words with the"
                    + " message.")
        int maxTold,
    @Key(
            byDefault = "8000",
            min = "100",
            max = "1000000",
            text =
                "The most tokens, as they are estimated, that telling a model of tools may cost; a"
                    + " quarter of its window where that is less.")
        int maxToldTokens,
    @Key(
            text =
                "Models that are told of no tools because they cannot use them, as"
                    + " provider/model, which may end in *.")
        List<String> modelsWithout,
    @Key(
            byDefault = "true",
            text = "Whether there is the tool 'notes', which keeps short texts with a session.")
        boolean notes,
    @Key(
            text =
                "Addresses and ranges that HTTP tools may call although they are not public, such"
                    + " as 10.1.0.0/16 or 127.0.0.1.")
        List<String> allowedAddresses,
    Map<String, Http> http,
    Map<String, Mcp> mcp) {

  // What settings of both kinds of tools say in the same words.
  static final String HOW_LONG = "How long a call may take; else as tools.timeout says.";
  static final String HOW_OFTEN =
      "How often a call is tried whose outcome is not known, if its tool may be repeated"
          + " (read, idempotent).";
  static final String PAUSE =
      "The pause before the second try; twice as long before each further one.";

  public ToolSettings {
    Keys.check(
        ToolSettings.class,
        maxSteps,
        maxCallsPerStep,
        maxTokens,
        maxResult,
        timeout,
        answerTimeout,
        maxTold,
        maxToldTokens,
        modelsWithout,
        notes,
        allowedAddresses,
        http,
        mcp);
    modelsWithout = List.copyOf(modelsWithout);
    allowedAddresses = List.copyOf(allowedAddresses);
    http = Collections.unmodifiableMap(new LinkedHashMap<>(http));
    mcp = Collections.unmodifiableMap(new LinkedHashMap<>(mcp));
    mcp.forEach((name, server) -> {
      if ((server.url() == null) == server.command().isEmpty()) {
        throw PerdureConfig.illegal(
            "tools.mcp."
                + name
                + " must have either a url or a command. Set the one by which it is reached.");
      }
    });
    http.forEach((name, tool) -> {
      if (tool.url() == null || tool.description() == null) {
        throw PerdureConfig.illegal(
            "tools.http."
                + name
                + " has no "
                + (tool.url() == null ? "url" : "description")
                + ". Set it: a model is told what a tool does, and the server where it is.");
      }
    });
  }

  /** What a call does to the world. */
  public enum Effect {
    READ,
    IDEMPOTENT,
    UNSAFE
  }

  /** The methods of HTTP. */
  public enum Method {
    GET,
    POST,
    PUT,
    PATCH,
    DELETE
  }

  /** A tool that is an operation of an HTTP API, under the name that models use. */
  public record Http(
      @Key(
              text =
                  "The URL. {argument} in its path or query is filled by that argument, which the"
                      + " schema must require.")
          @Nullable String url,
      @Key(
              byDefault = "post",
              text =
                  "How it is called. With post, put and patch the other arguments are sent as a"
                      + " JSON object, else as parameters.")
          Method method,
      @Key(text = "What the tool does and when to use it, for the model.")
          @Nullable String description,
      @Key(text = "The JSON Schema of the arguments, an object, written as YAML or JSON.")
          @Nullable JsonNode schema,
      @Key(
              byDefault = "unsafe",
              text =
                  "What a call does: nothing (read), the same however often it is made with one"
                      + " Idempotency-Key (idempotent), or more each time (unsafe). Only the first"
                      + " two are repeated after a crash.")
          Effect effect,
      @Key(
              byDefault = "unsafe",
              text =
                  "Which calls wait for somebody's approval: never, always, unsafe (those of an"
                      + " unsafe tool), or 'when' with conditions, such as when /cents > 5000.")
          String approval,
      @Key(
              text =
                  "A URL that undoes a call when its reply fails or is cancelled. It is sent"
                      + " {call, arguments, output?} by POST, again and again with one"
                      + " Idempotency-Key until it succeeds; {call} may stand in it.")
          @Nullable String undo,
      @Key(
              text =
                  "Headers, 'Name: value'. A secret is referred to: ${env:NAME} or"
                      + " ${file:/path}, which is read for each call.")
          List<String> headers,
      @Key(min = "10ms", max = "1h", text = HOW_LONG) @Nullable Duration timeout,
      @Key(byDefault = "2", min = "1", max = "20", text = HOW_OFTEN) int maxTries,
      @Key(byDefault = "1s", min = "0s", max = "1m", text = PAUSE) Duration retryPause,
      @Key(min = "1KiB", max = "1MiB", text = "The largest answer; else as tools.maxResult says.")
          @Nullable ByteSize maxResult) {
    public Http {
      Keys.check(
          Http.class,
          url,
          method,
          description,
          schema,
          effect,
          approval,
          undo,
          headers,
          timeout,
          maxTries,
          retryPause,
          maxResult);
      headers = List.copyOf(headers);
    }
  }

  /** A server of the Model Context Protocol; models call its tools NAME__TOOL. */
  public record Mcp(
      @Key(text = "The URL of a server that speaks streamable HTTP.") @Nullable URI url,
      @Key(
              text =
                  "The program of a server that speaks over its standard input and output, and its"
                      + " arguments.")
          List<String> command,
      @Key(
              text =
                  "Variables of that program, NAME=value, with secrets as in headers. Besides them"
                      + " it has PATH, HOME, LANG and TMPDIR only.")
          List<String> env,
      @Key(text = "Headers for the URL, as with HTTP tools.") List<String> headers,
      @Key(text = "Its tools that are taken, by its own names; without it all are.")
          List<String> tools,
      @Key(text = "Its tools that change nothing.") List<String> read,
      @Key(text = "Its tools whose effect comes once for each key of a call.")
          List<String> idempotent,
      @Key(
              byDefault = "false",
              text =
                  "Whether its own hints (readOnlyHint, idempotentHint) are believed. What is not"
                      + " known of a tool is taken for unsafe.")
          boolean trustHints,
      @Key(
              byDefault = "unsafe",
              text =
                  "Which calls wait for somebody's approval: never, always, or unsafe (those of"
                      + " unsafe tools).")
          String approval,
      @Key(min = "10ms", max = "1h", text = HOW_LONG) @Nullable Duration timeout,
      @Key(byDefault = "2", min = "1", max = "20", text = HOW_OFTEN) int maxTries,
      @Key(byDefault = "1s", min = "0s", max = "1m", text = PAUSE) Duration retryPause) {
    public Mcp {
      Keys.check(
          Mcp.class,
          url,
          command,
          env,
          headers,
          tools,
          read,
          idempotent,
          trustHints,
          approval,
          timeout,
          maxTries,
          retryPause);
      command = List.copyOf(command);
      env = List.copyOf(env);
      headers = List.copyOf(headers);
      tools = List.copyOf(tools);
      read = List.copyOf(read);
      idempotent = List.copyOf(idempotent);
    }
  }
}
