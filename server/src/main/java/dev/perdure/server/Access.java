package dev.perdure.server;

import dev.perdure.chat.Caller;
import dev.perdure.server.auth.ApiKeys;
import dev.perdure.server.auth.Authenticator;
import dev.perdure.server.auth.Credentials;
import dev.perdure.server.auth.JwtCredentials;
import dev.perdure.server.auth.OriginGuard;
import dev.perdure.server.auth.StreamTokens;
import dev.perdure.server.config.PerdureConfig;
import dev.perdure.server.config.Secret;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * From the settings to who may call. Immutable.
 *
 * @param streamTokens null where no credential is needed
 * @param operators the local principal where no credential is needed
 */
record Access(
    Authenticator authenticator,
    OriginGuard originGuard,
    @Nullable StreamTokens streamTokens,
    Predicate<Caller> operators) {
  private static final System.Logger LOG = System.getLogger(Access.class.getName());
  private static final int RANDOM_SECRET_BYTES = 32;

  static Access of(PerdureConfig config, InstantSource clock, SecureRandom random) {
    PerdureConfig.Auth auth = config.auth();
    if (!auth.required()) {
      return new Access(
          Authenticator.local(), originGuard(config.server()), null, Caller.LOCAL::equals);
    }
    List<Credentials> credentials = new ArrayList<>();
    Secret keys = auth.apiKeys();
    if (keys != null) {
      credentials.add(ApiKeys.parse(keys.value()));
    }
    PerdureConfig.Jwt jwt = auth.jwt();
    if (jwt.issuer() != null && jwt.audience() != null && jwt.jwksUrl() != null) {
      JwtCredentials.Rules rules =
          new JwtCredentials.Rules(
              jwt.issuer(), jwt.audience(), jwt.tenantClaim(), jwt.ownerClaim());
      credentials.add(JwtCredentials.fromUrl(rules, jwt.jwksUrl(), clock));
    }
    Set<String> operators = Set.copyOf(auth.operators());
    StreamTokens tokens =
        new StreamTokens(
            secret(auth.streamTokenSecret(), config.db().url() != null, random),
            auth.streamTokenTtl(),
            clock);
    return new Access(
        Authenticator.requiring(credentials, tokens, auth.openMetrics()),
        OriginGuard.off(),
        tokens,
        caller -> operators.contains(caller.tenant() + "/" + caller.owner()));
  }

  private static OriginGuard originGuard(PerdureConfig.Server server) {
    List<String> hosts = new ArrayList<>(server.allowedHosts());
    List<String> origins = new ArrayList<>(server.corsOrigins());
    URI url = server.publicUrl();
    if (url != null) {
      hosts.add(url.getHost());
      // Behind a proxy the Host that arrives here may be another than the page's origin.
      origins.add(url.getScheme() + "://" + url.getRawAuthority());
    }
    return OriginGuard.loopbackAnd(hosts, origins);
  }

  private static byte[] secret(@Nullable Secret given, boolean fleet, SecureRandom random) {
    if (given != null) {
      return given.value().getBytes(StandardCharsets.UTF_8);
    }
    if (fleet) {
      LOG.log(
          System.Logger.Level.WARNING,
          "Stream tokens are signed with a secret of this process, so another node refuses them."
              + " Set auth.streamTokenSecret to the same value on every node.");
    }
    byte[] own = new byte[RANDOM_SECRET_BYTES];
    random.nextBytes(own);
    return own;
  }
}
