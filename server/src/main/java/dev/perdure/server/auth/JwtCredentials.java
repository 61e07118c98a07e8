package dev.perdure.server.auth;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.crypto.factories.DefaultJWSVerifierFactory;
import com.nimbusds.jose.jwk.AsymmetricJWK;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKMatcher;
import com.nimbusds.jose.jwk.JWKSelector;
import com.nimbusds.jose.jwk.OctetKeyPair;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.jwk.source.RateLimitReachedException;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.DefaultResourceRetriever;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import com.nimbusds.jwt.proc.BadJWTException;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import dev.perdure.chat.Caller;
import dev.perdure.protocol.PerdureException;
import java.net.MalformedURLException;
import java.net.URI;
import java.text.ParseException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Date;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * JWTs of one issuer, checked by nimbus-jose-jwt against the keys that the issuer publishes. The
 * keys are cached; an unknown key id causes a fetch, but no more often than the limits below say,
 * so that made-up ids cannot turn this server against the issuer. Thread-safe.
 */
public final class JwtCredentials implements Credentials {
  private static final System.Logger LOG = System.getLogger(JwtCredentials.class.getName());

  /** Signatures only, and no shared secrets: a public key must never pass for one. */
  private static final Set<JWSAlgorithm> ALGORITHMS =
      Set.of(
          JWSAlgorithm.RS256,
          JWSAlgorithm.RS384,
          JWSAlgorithm.RS512,
          JWSAlgorithm.PS256,
          JWSAlgorithm.PS384,
          JWSAlgorithm.PS512,
          JWSAlgorithm.ES256,
          JWSAlgorithm.ES384,
          JWSAlgorithm.ES512,
          JWSAlgorithm.EdDSA,
          JWSAlgorithm.Ed25519);

  /** How far the issuer's clock and ours may be apart. */
  private static final Duration SKEW = Duration.ofSeconds(60);

  private static final Duration KEYS_LIVE = Duration.ofMinutes(10);
  private static final Duration KEYS_FETCH_TIMEOUT = Duration.ofSeconds(5);

  /** No more than two fetches within this time, whatever comes in. */
  private static final Duration KEYS_MIN_INTERVAL = Duration.ofSeconds(30);

  /** How long the last keys are used on when the issuer cannot be reached. */
  private static final Duration KEYS_OUTAGE = Duration.ofHours(4);

  private static final int KEYS_MAX_BYTES = 512 * 1024;
  private static final int MAX_NAME_CHARS = 200;
  private static final String DEFAULT_TENANT = "default";

  /**
   * What is accepted.
   *
   * @param tenantClaim null if all callers are of the tenant {@code default}
   */
  public record Rules(
      String issuer, String audience, @Nullable String tenantClaim, String ownerClaim) {}

  private final Rules rules;
  private final JWKSource<SecurityContext> keys;
  private final InstantSource clock;

  JwtCredentials(Rules rules, JWKSource<SecurityContext> keys, InstantSource clock) {
    this.rules = rules;
    this.keys = keys;
    this.clock = clock;
  }

  /** Reads the keys from a URL, at the first use and then as needed. */
  public static JwtCredentials fromUrl(Rules rules, URI jwksUrl, InstantSource clock) {
    return new JwtCredentials(rules, source(jwksUrl, KEYS_MIN_INTERVAL), clock);
  }

  static JWKSource<SecurityContext> source(URI jwksUrl, Duration minInterval) {
    int timeout = (int) KEYS_FETCH_TIMEOUT.toMillis();
    DefaultResourceRetriever retriever =
        new DefaultResourceRetriever(timeout, timeout, KEYS_MAX_BYTES);
    try {
      return JWKSourceBuilder.create(jwksUrl.toURL(), retriever)
          .cache(KEYS_LIVE.toMillis(), KEYS_FETCH_TIMEOUT.multipliedBy(2).toMillis())
          .refreshAheadCache(false)
          .rateLimited(minInterval.toMillis())
          .outageTolerant(KEYS_OUTAGE.toMillis())
          .build();
    } catch (MalformedURLException e) {
      throw new IllegalArgumentException("jwksUrl is not a URL: " + jwksUrl, e);
    }
  }

  @Override
  public Optional<Caller> check(String credential) {
    SignedJWT jwt;
    try {
      jwt = SignedJWT.parse(credential);
    } catch (ParseException e) {
      return Optional.empty();
    }
    JWSAlgorithm algorithm = jwt.getHeader().getAlgorithm();
    if (!ALGORITHMS.contains(algorithm)) {
      throw refused("is signed with an algorithm that is not accepted", "Use RS256 or ES256.");
    }
    if (!signed(jwt)) {
      throw refused("is not signed by a known key of its issuer", "Log in anew.");
    }
    return Optional.of(caller(claims(jwt)));
  }

  private boolean signed(SignedJWT jwt) {
    JWKMatcher matcher = JWKMatcher.forJWSHeader(jwt.getHeader());
    if (matcher == null) {
      return false;
    }
    for (JWK key : candidates(new JWKSelector(matcher))) {
      try {
        if (!key.isPrivate() && jwt.verify(verifier(jwt, key))) {
          return true;
        }
      } catch (JOSEException e) {
        // A key that does not fit the signature; another one may.
        LOG.log(System.Logger.Level.DEBUG, "A JWKS key does not fit; the next one is tried.", e);
      }
    }
    return false;
  }

  private List<JWK> candidates(JWKSelector selector) {
    try {
      return keys.get(selector, null);
    } catch (RateLimitReachedException e) {
      // Asked for lately: a key that is not there is not there. Not worth a line for each request.
      return List.of();
    } catch (JOSEException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          "The keys of {0} cannot be read, so its JWTs are refused until they can: {1}",
          rules.issuer(),
          e.getMessage());
      throw refused("cannot be checked, as the keys of its issuer cannot be read", "Try later.");
    }
  }

  private static JWSVerifier verifier(SignedJWT jwt, JWK key) throws JOSEException {
    return switch (key) {
      case OctetKeyPair pair -> new EdwardsVerifier(pair);
      case AsymmetricJWK pair ->
          new DefaultJWSVerifierFactory().createJWSVerifier(jwt.getHeader(), pair.toPublicKey());
      default -> throw new JOSEException("not a public key");
    };
  }

  private JWTClaimsSet claims(SignedJWT jwt) {
    try {
      JWTClaimsSet claims = jwt.getJWTClaimsSet();
      DefaultJWTClaimsVerifier<SecurityContext> verifier =
          new DefaultJWTClaimsVerifier<>(
              rules.audience(),
              new JWTClaimsSet.Builder().issuer(rules.issuer()).build(),
              Set.of("exp", "iss", rules.ownerClaim())) {
            @Override
            protected Date currentTime() {
              return Date.from(clock.instant());
            }
          };
      verifier.setMaxClockSkew((int) SKEW.toSeconds());
      verifier.verify(claims, null);
      return claims;
    } catch (BadJWTException e) {
      // The library's texts name claims and their expected values, no secrets.
      throw refused("is refused: " + printable(e.getMessage()), "Log in anew.");
    } catch (ParseException e) {
      throw refused("has claims that cannot be read", "Log in anew.");
    }
  }

  private Caller caller(JWTClaimsSet claims) {
    String owner = name(claims, rules.ownerClaim());
    String tenantClaim = rules.tenantClaim();
    String tenant = tenantClaim == null ? DEFAULT_TENANT : name(claims, tenantClaim);
    if (tenant.indexOf('/') >= 0) {
      throw refused("has a '/' in the claim '" + tenantClaim + "'", "Use another tenant name.");
    }
    return new Caller(tenant, owner);
  }

  private static String name(JWTClaimsSet claims, String claim) {
    Object value = claims.getClaim(claim);
    if (!(value instanceof String text)
        || text.isBlank()
        || text.length() > MAX_NAME_CHARS
        || text.chars().anyMatch(Character::isISOControl)) {
      throw refused(
          "has no claim '" + claim + "' with a text of 1 to " + MAX_NAME_CHARS + " characters",
          "Ask the issuer to add it.");
    }
    return text;
  }

  private static String printable(@Nullable String text) {
    return String.valueOf(text).replaceAll("[^\\x20-\\x7e]", "?");
  }

  private static PerdureException refused(String why, String fix) {
    return Authenticator.refused("The JWT " + why + ". " + fix);
  }
}
