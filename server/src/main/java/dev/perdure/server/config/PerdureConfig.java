package dev.perdure.server.config;

import static java.util.Objects.requireNonNull;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.net.URI;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Everything that can be set, as one immutable tree. Each leaf is a {@link Key}; its name is the
 * path of the component names, such as {@code engine.turnTimeLimit}. Ranges stand at the keys and
 * are checked, like everything that concerns two keys at once, when a record is made, so that a
 * tree that exists is legal.
 */
public record PerdureConfig(
    Server server,
    Data data,
    Db db,
    HttpSettings http,
    EngineSettings engine,
    DocumentSettings documents,
    EmbeddingSettings embeddings,
    FileSettings files,
    ToolSettings tools,
    WaitSettings waits,
    Log log,
    Auth auth,
    Map<String, Provider> providers,
    @Key(
            text =
                "The model of a message that names none, as 'provider/model'. Without it: the"
                    + " first configured provider's usual model.")
        @Nullable String defaultModel,
    @Key(
            byDefault = "true",
            text =
                "Offers 'demo/demo', which answers without any model and obeys slash commands"
                    + " such as /long 2000.")
        boolean demo,
    @Key(
            byDefault = "true",
            text =
                "With no provider configured, looks for a local model server (Ollama, LM Studio,"
                    + " llama.cpp, vLLM) on loopback.")
        boolean detectLocalServers,
    Logging logging) {

  public PerdureConfig {
    Map<String, Provider> named = new LinkedHashMap<>();
    providers.forEach((name, provider) -> named.put(name, provider.named(name)));
    providers = Collections.unmodifiableMap(named);
    if (!server.loopback() && !auth.required()) {
      throw illegal(
          "server.host is '"
              + server.host()
              + "', an address that others can reach, but no authentication is configured. Set"
              + " auth.apiKeys (PERDURE_API_KEYS) or auth.jwt.issuer, or use 127.0.0.1.");
    }
    if (server.corsOrigins().contains("*") && !auth.required()) {
      throw illegal(
          "server.corsOrigins is '*' without authentication, so that any web page could use this"
              + " server. Name the origins, or set auth.apiKeys (PERDURE_API_KEYS).");
    }
    if (defaultModel != null && defaultModel.indexOf('/') <= 0) {
      throw illegal(
          "defaultModel is '" + defaultModel + "'. Write 'provider/model', such as 'demo/demo'.");
    }
  }

  /** Where the server listens and what it is called. */
  public record Server(
      @Key(
              byDefault = "127.0.0.1",
              flag = "--host",
              text =
                  "The address to listen on. One that is not loopback needs authentication;"
                      + " 0.0.0.0 is every IPv4 address.")
          String host,
      @Key(
              byDefault = "8080",
              min = "0",
              max = "65535",
              env = "PERDURE_PORT",
              flag = "--port",
              text = "The port to listen on; 0 takes a free one and prints it.")
          int port,
      @Key(
              text =
                  "The URL under which browsers and clients reach this server, if a proxy stands"
                      + " in front.")
          @Nullable URI publicUrl,
      @Key(
              text =
                  "Further host names that a request may name without authentication; loopback"
                      + " names and the host of publicUrl always may.")
          List<String> allowedHosts,
      @Key(
              text =
                  "Origins whose web pages may call from a browser (CORS), such as"
                      + " https://app.example.com. '*' is every origin and needs authentication.")
          List<String> corsOrigins) {
    public Server {
      Keys.check(Server.class, host, port, publicUrl, allowedHosts, corsOrigins);
      allowedHosts = List.copyOf(allowedHosts);
      corsOrigins = List.copyOf(corsOrigins);
    }

    /** Whether only this machine can connect. */
    public boolean loopback() {
      String name = host.toLowerCase(Locale.ROOT);
      return name.equals("localhost")
          || name.equals("::1")
          || name.equals("[::1]")
          || name.matches("127(\\.\\d{1,3}){3}");
    }
  }

  /** Where files are. */
  public record Data(
      @Key(
              byDefault = "data",
              env = "PERDURE_DATA",
              flag = "--data",
              text = "The directory of the embedded database; made if it is not there.")
          String dir) {
    public Data {
      Keys.check(Data.class, dir);
    }
  }

  /** Which database. */
  public record Db(
      @Key(
              flag = "--db",
              text =
                  "The URL of a PostgreSQL, 'postgresql://user@host/database' or"
                      + " 'jdbc:postgresql://host/database', for several servers. Without it: SQLite"
                      + " in data.dir, for one server.")
          @Nullable String url,
      @Key(text = "The user of the PostgreSQL; goes before the one in the URL.")
          @Nullable String user,
      @Key(text = "The password of the PostgreSQL; goes before the one in the URL.")
          @Nullable Secret password,
      @Key(
              byDefault = "12",
              min = "1",
              max = "500",
              text = "The most transactions of this node that write to the PostgreSQL at once.")
          int writeConnections,
      @Key(
              byDefault = "8",
              min = "1",
              max = "500",
              text = "The most transactions of this node that read the PostgreSQL at once.")
          int readConnections,
      @Key(
              byDefault = "5s",
              min = "1s",
              max = "5m",
              text = "The longest wait for a connection to the PostgreSQL.")
          Duration connectTimeout,
      @Key(
              byDefault = "10s",
              min = "1s",
              max = "5m",
              text = "The longest wait for a free one of these connections.")
          Duration borrowTimeout,
      @Key(
              byDefault = "30s",
              min = "1s",
              max = "10m",
              text = "The longest that a statement may take, waiting for locks included.")
          Duration statementTimeout) {
    public Db {
      Keys.check(
          Db.class,
          url,
          user,
          password,
          writeConnections,
          readConnections,
          connectTimeout,
          borrowTimeout,
          statementTimeout);
      if (url != null && !url.matches("(jdbc:postgresql:|postgres(ql)?://).*")) {
        throw illegal(
            "db.url begins neither with 'postgresql://' nor with 'jdbc:postgresql:'. Give it the URL"
                + " of a PostgreSQL, or leave it out for SQLite in data.dir.");
      }
    }

    /** The URL without what may be a password; empty without one. */
    public String shownUrl() {
      return url == null ? "" : Values.masked(url);
    }

    @Override
    public String toString() {
      return "Db[url=" + shownUrl() + ", user=" + user + "]";
    }
  }

  /** The durable log of events. For what the server tells its operator see {@link Logging}. */
  public record Log(
      @Key(
              byDefault = "64KiB",
              min = "4KiB",
              max = "16MiB",
              text = "How much of a live turn's events is kept in memory for its followers.")
          ByteSize tailBytes,
      @Key(
              byDefault = "256KiB",
              min = "16KiB",
              max = "64MiB",
              text = "How much a turn may have waiting for the database before its writer blocks.")
          ByteSize writerBytes,
      @Key(
              byDefault = "64KiB",
              min = "16KiB",
              max = "64MiB",
              text = "About how much one read of the log returns at the most.")
          ByteSize readBytes,
      @Key(
              byDefault = "24h",
              min = "1m",
              max = "3650d",
              text =
                  "How long after its end a turn's events can be followed; later there is the"
                      + " stored message.")
          Duration retention) {
    public Log {
      Keys.check(Log.class, tailBytes, writerBytes, readBytes, retention);
    }
  }

  /** Who may call. */
  public record Auth(
      @Key(
              env = "PERDURE_API_KEYS",
              text =
                  "API keys: 'key', 'owner:key' or 'tenant/owner:key', where the key may be given"
                      + " as 'sha256:' with 64 hex digits instead. See below.")
          @Nullable Secret apiKeys,
      Jwt jwt,
      @Key(
              text =
                  "The secret that signs stream tokens, at least 32 characters. Without it each"
                      + " process makes its own, so several nodes need one.")
          @Nullable Secret streamTokenSecret,
      @Key(
              byDefault = "60s",
              min = "5s",
              max = "1h",
              text = "How long a stream token opens streams; an open stream goes on.")
          Duration streamTokenTtl,
      @Key(
              byDefault = "false",
              text =
                  "Whether /metrics may be read without a credential. Without authentication it"
                      + " always may.")
          boolean openMetrics,
      @Key(
              text =
                  "Who may see what the server does for all, as tenant/owner; without"
                      + " authentication the local user may.")
          List<String> operators) {
    /** The shortest secret, in characters. */
    private static final int MIN_SECRET_CHARS = 32;

    public Auth {
      Keys.check(
          Auth.class, apiKeys, jwt, streamTokenSecret, streamTokenTtl, openMetrics, operators);
      operators = List.copyOf(operators);
      for (String operator : operators) {
        if (operator.indexOf('/') <= 0 || operator.endsWith("/")) {
          throw illegal(
              "auth.operators has '"
                  + operator
                  + "'. Write 'tenant/owner', such as 'default/ada'.");
        }
      }
      if (streamTokenSecret != null && streamTokenSecret.value().length() < MIN_SECRET_CHARS) {
        throw illegal(
            "auth.streamTokenSecret has "
                + streamTokenSecret.value().length()
                + " characters, too few to withstand guessing. Give it at least "
                + MIN_SECRET_CHARS
                + ", for instance from 'openssl rand -hex 32'.");
      }
    }

    /** Whether a request needs a credential. */
    public boolean required() {
      return apiKeys != null || jwt.issuer() != null;
    }
  }

  /** JWTs of somebody else's login. */
  public record Jwt(
      @Key(text = "The issuer ('iss') whose JWTs are accepted; without it no JWT is.")
          @Nullable String issuer,
      @Key(text = "The audience ('aud') that a JWT must name.") @Nullable String audience,
      @Key(text = "Where the issuer publishes its keys; https, except on loopback.")
          @Nullable URI jwksUrl,
      @Key(text = "The claim that holds the tenant; without it every JWT is of tenant 'default'.")
          @Nullable String tenantClaim,
      @Key(byDefault = "sub", text = "The claim that holds the owner.") String ownerClaim) {
    public Jwt {
      Keys.check(Jwt.class, issuer, audience, jwksUrl, tenantClaim, ownerClaim);
      if (issuer == null && (audience != null || jwksUrl != null)) {
        throw illegal(
            "auth.jwt.issuer is missing while auth.jwt.audience or auth.jwt.jwksUrl is set, so that"
                + " no JWT would be accepted. Set it, or remove the others.");
      }
      if (issuer != null && (audience == null || jwksUrl == null)) {
        throw illegal(
            "auth.jwt.issuer is set, but "
                + (audience == null ? "auth.jwt.audience" : "auth.jwt.jwksUrl")
                + " is missing. Set it, so that only this server's JWTs are accepted and their"
                + " signatures can be checked.");
      }
      if (jwksUrl != null && jwksUrl.getScheme().equals("http") && !loopback(jwksUrl.getHost())) {
        throw illegal(
            "auth.jwt.jwksUrl is '"
                + jwksUrl
                + "', where anybody on the way could replace the keys. Use https.");
      }
    }

    private static boolean loopback(String host) {
      return new Server(host, 0, null, List.of(), List.of()).loopback();
    }
  }

  /** One provider of models, under the name that stands before the slash of a model's name. */
  public record Provider(
      @Key(
              text =
                  "The wire that the provider speaks. Without it: the one that its name says, if it"
                      + " is one of these.")
          @Nullable Kind kind,
      @Key(
              text =
                  "The URL of the API. Without it the vendor's own: https://api.openai.com/v1,"
                      + " https://api.anthropic.com or"
                      + " https://generativelanguage.googleapis.com/v1beta.")
          @Nullable URI baseUrl,
      @Key(text = "The API key.") @Nullable Secret apiKey,
      @Key(
              byDefault = "10000",
              min = "1",
              max = "1000000",
              text =
                  "The most calls that this node makes to the provider at the same time. Further"
                      + " ones wait, without a connection and within engine.turnTimeLimit, tenant by"
                      + " tenant in turn.")
          int maxCalls) {
    public Provider {
      Keys.check(Provider.class, kind, baseUrl, apiKey, maxCalls);
    }

    /** With the default of everything that is not named. */
    public Provider(@Nullable Kind kind, @Nullable URI baseUrl, @Nullable Secret apiKey) {
      this(kind, baseUrl, apiKey, 10_000);
    }

    /** The wires. OPENAI is the chat completions that many other servers speak as well. */
    public enum Kind {
      OPENAI,
      OPENAI_RESPONSES,
      ANTHROPIC,
      GEMINI
    }

    /** This provider, with the kind that its name says where it has none. */
    Provider named(String name) {
      if (baseUrl == null && apiKey == null) {
        throw illegal(
            "providers."
                + name
                + " has neither apiKey nor baseUrl. Set the key for the vendor's own service, or"
                + " the URL of a server that needs none.");
      }
      if (kind != null) {
        return this;
      }
      for (Kind each : Kind.values()) {
        if (Values.write(each).equals(name)) {
          return new Provider(each, baseUrl, apiKey, maxCalls);
        }
      }
      throw illegal(
          "providers."
              + name
              + ".kind is missing, and the name says nothing of the wire. Set it to "
              + Values.form(Kind.class)
              + ".");
    }

    /** The kind; known once the provider is part of a {@link PerdureConfig}. */
    public Kind wire() {
      return requireNonNull(kind, "kind is null");
    }
  }

  /** What the server tells its operator on stderr. */
  public record Logging(
      @Key(byDefault = "info", text = "The least level that is printed.") Level level) {
    /** From silent to talkative. */
    public enum Level {
      ERROR,
      WARNING,
      INFO,
      DEBUG
    }
  }

  static PerdureException illegal(String message) {
    return new PerdureException(ErrorCode.CONFIG, message);
  }
}
