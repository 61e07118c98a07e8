package dev.perdure.server;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.http.Addresses;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.TransportOptions;
import dev.perdure.server.config.PerdureConfig;
import dev.perdure.server.config.ToolSettings;
import dev.perdure.tool.ApprovalRule;
import dev.perdure.tool.Effect;
import dev.perdure.tool.TimeTool;
import dev.perdure.tool.Tool;
import dev.perdure.tool.Tools;
import dev.perdure.tool.http.AddressPolicy;
import dev.perdure.tool.http.HttpTool;
import dev.perdure.tool.http.SecretHeaders;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** The tools of a server, made of its settings, and what they are called over. Thread-safe. */
final class ToolSelection implements AutoCloseable {
  private static final JsonNode NO_ARGUMENTS =
      Json.trusted("{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}");

  private final ToolSettings settings;
  private final UnaryOperator<@Nullable String> env;

  /** Public addresses only, a connection for each call. */
  private final Transport transport;

  private final Tools tools;

  /**
   * @param env the variables of this process, for secrets that settings refer to
   * @throws PerdureException CONFIG if a tool's settings make none
   */
  ToolSelection(PerdureConfig config, UnaryOperator<@Nullable String> env, InstantSource clock) {
    this.settings = config.tools();
    this.env = env;
    this.transport =
        new Transport(TransportOptions.defaults().oneCallPerConnection(policy()), clock);
    boolean done = false;
    try {
      this.tools = new Tools(select(clock), limits());
      done = true;
    } catch (IllegalArgumentException e) {
      throw illegal("tools: " + e.getMessage());
    } finally {
      if (!done) {
        transport.close();
      }
    }
  }

  Tools tools() {
    return tools;
  }

  @Override
  public void close() {
    transport.close();
  }

  private AddressPolicy policy() {
    try {
      return new AddressPolicy(settings.allowedAddresses(), Addresses.SYSTEM);
    } catch (IllegalArgumentException e) {
      throw illegal("tools.allowedAddresses: " + e.getMessage());
    }
  }

  private List<Tool> select(InstantSource clock) {
    List<Tool> out = new ArrayList<>();
    out.add(new TimeTool(clock));
    settings.http().forEach((name, given) -> out.add(http(name, given)));
    return out;
  }

  private Tools.Limits limits() {
    return new Tools.Limits(
        settings.maxSteps(),
        settings.maxCallsPerStep(),
        settings.maxTokens(),
        settings.maxResult().toInt(),
        settings.answerTimeout());
  }

  private Tool http(String name, ToolSettings.Http given) {
    @Nullable Duration timeout = given.timeout();
    Effect effect = Effect.valueOf(given.effect().name());
    try {
      return new HttpTool(
          new Tool.Spec(
              name,
              requireNonNull(given.description()),
              given.schema() == null ? NO_ARGUMENTS : given.schema(),
              effect,
              approval(given.approval(), effect),
              timeout == null ? settings.timeout() : timeout),
          HttpTool.Method.valueOf(given.method().name()),
          requireNonNull(given.url()),
          new SecretHeaders(given.headers(), env),
          (given.maxResult() == null ? settings.maxResult() : given.maxResult()).toInt(),
          transport);
    } catch (IllegalArgumentException e) {
      throw illegal("tools.http." + name + ": " + e.getMessage());
    }
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
