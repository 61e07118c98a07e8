package dev.perdure.server;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.WaitLimits;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.http.Addresses;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.TransportOptions;
import dev.perdure.server.config.PerdureConfig;
import dev.perdure.server.config.ToolSettings;
import dev.perdure.tool.ApprovalRule;
import dev.perdure.tool.AskUserTool;
import dev.perdure.tool.CalculatorTool;
import dev.perdure.tool.CompensatedTool;
import dev.perdure.tool.Effect;
import dev.perdure.tool.TimeTool;
import dev.perdure.tool.Tool;
import dev.perdure.tool.Tools;
import dev.perdure.tool.WaitTool;
import dev.perdure.tool.http.AddressPolicy;
import dev.perdure.tool.http.HttpTool;
import dev.perdure.tool.http.SecretHeaders;
import dev.perdure.tool.mcp.McpServer;
import dev.perdure.tool.mcp.McpTools;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** The tools of a server, made of its settings, and what they are called over. Thread-safe. */
final class ToolSelection implements AutoCloseable {
  private static final JsonNode NO_ARGUMENTS =
      Json.trusted("{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}");

  private final ToolSettings settings;
  private final WaitLimits waits;
  private final UnaryOperator<@Nullable String> env;

  /** Public addresses only, a connection for each call. */
  private final Transport transport;

  private final Tools tools;
  private final List<McpServer> servers = new ArrayList<>();

  /**
   * @param env the variables of this process, for secrets that settings refer to
   * @param builtIn tools that need what this does not have
   * @throws PerdureException CONFIG if a tool's settings make none
   */
  ToolSelection(
      PerdureConfig config,
      UnaryOperator<@Nullable String> env,
      InstantSource clock,
      List<? extends Tool> builtIn) {
    this.settings = config.tools();
    this.waits = Limits.waits(config);
    this.env = env;
    this.transport =
        new Transport(TransportOptions.defaults().oneCallPerConnection(policy()), clock);
    boolean done = false;
    try {
      this.tools = new Tools(select(clock, builtIn), limits());
      settings
          .mcp()
          .forEach((name, given) -> {
            servers.add(mcp(name, given));
            tools.expect(name + "__");
          });
      tools.watch(this::mcp);
      done = true;
    } catch (IllegalArgumentException e) {
      throw illegal("tools: " + e.getMessage());
    } finally {
      if (!done) {
        transport.close();
      }
    }
  }

  /** How the MCP servers are, in the order of the settings. */
  private List<Tools.Source> mcp() {
    return servers.stream()
        .map(McpServer::health)
        .map(one -> new Tools.Source(one.server(), one.up(), one.tools(), one.reason()))
        .toList();
  }

  Tools tools() {
    return tools;
  }

  /** Begins to look for the MCP servers; their tools come as they are found. */
  Tools start(MeterRegistry meters) {
    for (McpServer server : servers) {
      String name = server.health().server();
      Gauge.builder("perdure.mcp.up", server, each -> each.health().up() ? 1 : 0)
          .description("Whether the MCP server is there")
          .tag("server", name)
          .register(meters);
      Gauge.builder("perdure.mcp.tools", server, each -> each.health().tools())
          .description("Tools that the MCP server offers")
          .tag("server", name)
          .register(meters);
      server.start();
    }
    return tools;
  }

  @Override
  public void close() {
    servers.forEach(McpServer::close);
    transport.close();
  }

  private AddressPolicy policy() {
    try {
      return new AddressPolicy(settings.allowedAddresses(), Addresses.SYSTEM);
    } catch (IllegalArgumentException e) {
      throw illegal("tools.allowedAddresses: " + e.getMessage());
    }
  }

  private List<Tool> select(InstantSource clock, List<? extends Tool> builtIn) {
    List<Tool> out = new ArrayList<>();
    out.add(new TimeTool(clock));
    out.add(new WaitTool(waits.longest()));
    out.add(new AskUserTool(waits.answerWithin(), waits.longest()));
    out.add(new CalculatorTool());
    out.addAll(builtIn);
    ServiceLoader.load(Tool.class).forEach(out::add);
    settings.http().forEach((name, given) -> out.add(http(name, given)));
    return out;
  }

  private Tools.Limits limits() {
    return new Tools.Limits(
        settings.maxSteps(),
        settings.maxCallsPerStep(),
        settings.maxTokens(),
        settings.maxResult().toInt(),
        settings.answerTimeout(),
        new Tools.Told(settings.maxTold(), settings.maxToldTokens(), settings.modelsWithout()));
  }

  private Tool http(String name, ToolSettings.Http given) {
    @Nullable Duration timeout = given.timeout();
    Effect effect = Effect.valueOf(given.effect().name());
    try {
      Tool tool =
          new HttpTool(
              new Tool.Spec(
                  name,
                  requireNonNull(given.description()),
                  given.schema() == null ? NO_ARGUMENTS : given.schema(),
                  effect,
                  approval(given.approval(), effect),
                  timeout == null ? settings.timeout() : timeout,
                  new Tool.Retry(given.maxTries(), given.retryPause())),
              HttpTool.Method.valueOf(given.method().name()),
              requireNonNull(given.url()),
              new SecretHeaders(given.headers(), env),
              (given.maxResult() == null ? settings.maxResult() : given.maxResult()).toInt(),
              transport);
      return given.undo() == null ? tool : undone(tool, given.undo(), given);
    } catch (IllegalArgumentException e) {
      throw illegal("tools.http." + name + ": " + e.getMessage());
    }
  }

  private McpServer mcp(String name, ToolSettings.Mcp given) {
    try {
      if (given.approval().startsWith("when")) {
        throw new IllegalArgumentException("approval must be never, always or unsafe.");
      }
      approval(given.approval(), Effect.UNSAFE);
      McpTools.Trust trust =
          new McpTools.Trust(
              given.tools(),
              given.read(),
              given.idempotent(),
              given.trustHints(),
              effect -> approval(given.approval(), effect),
              given.timeout() == null ? settings.timeout() : given.timeout(),
              new Tool.Retry(given.maxTries(), given.retryPause()));
      return given.url() == null
          ? McpServer.stdio(name, trust, given.command(), variables(given), tools::publish)
          : McpServer.http(
              name,
              trust,
              given.url(),
              new SecretHeaders(given.headers(), env),
              transport,
              tools::publish);
    } catch (IllegalArgumentException e) {
      throw illegal("tools.mcp." + name + ": " + e.getMessage());
    }
  }

  private Map<String, String> variables(ToolSettings.Mcp given) {
    Map<String, String> out = new LinkedHashMap<>();
    for (String line : given.env()) {
      int equals = line.indexOf('=');
      if (!line.matches("[A-Za-z_][A-Za-z0-9_]*=.*")) {
        throw new IllegalArgumentException(
            "'" + line.replaceAll("=.*", "") + "' in env is no variable. Write NAME=value.");
      }
      try {
        String value = SecretHeaders.expand(line.substring(equals + 1), env, new ArrayList<>());
        out.put(line.substring(0, equals), value);
      } catch (IOException e) {
        throw new IllegalArgumentException(e.getMessage(), e);
      }
    }
    return out;
  }

  private Tool undone(Tool tool, String undo, ToolSettings.Http given) {
    return new CompensatedTool(
        tool,
        new HttpTool(
            new Tool.Spec(
                tool.spec().name(),
                "Undoes a call.",
                CompensatedTool.UNDO_SCHEMA,
                Effect.IDEMPOTENT,
                Tool.Approval.NEVER,
                tool.spec().limit()),
            HttpTool.Method.POST,
            undo,
            new SecretHeaders(given.headers(), env),
            settings.maxResult().toInt(),
            transport));
  }

  private static Tool.Approval approval(String given, Effect effect) {
    if (given.equals("unsafe")) {
      return effect == Effect.UNSAFE ? Tool.Approval.ALWAYS : Tool.Approval.NEVER;
    }
    return ApprovalRule.parse(given);
  }

  private static PerdureException illegal(String message) {
    return new PerdureException(ErrorCode.CONFIG, message);
  }
}
