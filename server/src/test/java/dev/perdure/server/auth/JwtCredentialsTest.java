package dev.perdure.server.auth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSSigner;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.OctetKeyPair;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jose.util.Base64URL;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.PlainJWT;
import com.nimbusds.jwt.SignedJWT;
import com.sun.net.httpserver.HttpServer;
import dev.perdure.chat.Caller;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Date;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Against a small server of keys; the keys are made here. */
class JwtCredentialsTest {
  private static final String ISSUER = "https://login.example";
  private static final String AUDIENCE = "perdure";
  private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
  private static final RSAKey RSA = rsa("rsa-1");
  private static final RSAKey STRANGER = rsa("rsa-1");

  private volatile JWKSet published = new JWKSet();
  private volatile int status = 200;
  private final AtomicInteger fetches = new AtomicInteger();
  private HttpServer server;
  private JwtCredentials credentials;

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/keys",
        exchange -> {
          fetches.incrementAndGet();
          byte[] body = published.toString(true).getBytes(StandardCharsets.UTF_8);
          exchange.getResponseHeaders().set("content-type", "application/json");
          exchange.sendResponseHeaders(status, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    server.start();
    published = new JWKSet(RSA);
    credentials = credentials(null, "sub");
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private JwtCredentials credentials(@Nullable String tenantClaim, String ownerClaim) {
    URI url = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/keys");
    return JwtCredentials.fromUrl(
        new JwtCredentials.Rules(ISSUER, AUDIENCE, tenantClaim, ownerClaim), url, () -> NOW);
  }

  @Test
  void a_jwt_of_the_issuer_tells_the_owner() throws JOSEException {
    assertThat(credentials.check(rs256(claims().build())))
        .contains(new Caller("default", "auth0|alice"));
  }

  @Test
  void configured_claims_tell_tenant_and_owner() throws JOSEException {
    JwtCredentials mapped = credentials("org", "email");
    JWTClaimsSet claims = claims().claim("org", "acme").claim("email", "a@acme.example").build();
    assertThat(mapped.check(rs256(claims))).contains(new Caller("acme", "a@acme.example"));
  }

  @Test
  void every_algorithm_of_the_list_is_understood() throws Exception {
    ECKey ec = new ECKeyGenerator(Curve.P_256).keyID("ec").generate();
    KeyPair ed = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    published = new JWKSet(Arrays.<JWK>asList(RSA, ec, octets(ed)));

    assertThat(credentials.check(sign(JWSAlgorithm.PS512, "rsa-1", new RSASSASigner(RSA))))
        .isPresent();
    assertThat(credentials.check(sign(JWSAlgorithm.ES256, "ec", new ECDSASigner(ec)))).isPresent();
    assertThat(credentials.check(edwards(ed))).isPresent();
  }

  @Test
  void a_changed_edwards_signature_is_refused() throws Exception {
    KeyPair ed = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    KeyPair other = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    published = new JWKSet(octets(ed));
    assertRefused(edwards(other), "not signed by a known key");
  }

  @Test
  void an_expired_one_is_refused_after_the_skew() throws JOSEException {
    assertThat(
            credentials.check(
                rs256(claims().expirationTime(Date.from(NOW.minusSeconds(59))).build())))
        .isPresent();
    assertRefused(
        rs256(claims().expirationTime(Date.from(NOW.minusSeconds(61))).build()), "Expired");
    assertRefused(rs256(claims().expirationTime(null).build()), "exp");
  }

  @Test
  void one_that_is_not_valid_yet_is_refused_beyond_the_skew() throws JOSEException {
    assertThat(
            credentials.check(
                rs256(claims().notBeforeTime(Date.from(NOW.plusSeconds(59))).build())))
        .isPresent();
    assertRefused(rs256(claims().notBeforeTime(Date.from(NOW.plusSeconds(61))).build()), "before");
  }

  @Test
  void another_issuer_or_audience_is_refused() throws JOSEException {
    assertRefused(rs256(claims().issuer("https://evil.example").build()), "iss");
    assertRefused(rs256(claims().issuer(null).build()), "iss");
    assertRefused(rs256(claims().audience("others").build()), "aud");
    assertRefused(rs256(claims().audience((String) null).build()), "aud");
  }

  @Test
  void names_that_are_missing_or_odd_are_refused() throws JOSEException {
    assertRefused(rs256(claims().subject(null).build()), "sub");
    assertRefused(rs256(claims().subject(" ").build()), "sub");
    assertRefused(rs256(claims().subject("a\nb").build()), "sub");
    assertRefused(rs256(claims().subject("x".repeat(201)).build()), "sub");
    credentials = credentials("org", "sub");
    assertRefused(rs256(claims().build()), "org");
    assertRefused(rs256(claims().claim("org", 7).build()), "org");
    assertRefused(rs256(claims().claim("org", "a/b").build()), "org");
  }

  @Test
  void another_key_under_the_same_id_is_refused() throws JOSEException {
    assertRefused(
        sign(JWSAlgorithm.RS256, "rsa-1", new RSASSASigner(STRANGER)), "not signed by a known key");
  }

  @Test
  void none_and_shared_secrets_are_refused() throws JOSEException {
    String none = new PlainJWT(claims().build()).serialize();
    assertThat(credentials.check(none)).isEmpty();
    assertThat(credentials.check(none + "AAAA")).isEmpty();

    byte[] publicKeyAsSecret = RSA.toRSAPublicKey().getEncoded();
    assertRefused(sign(JWSAlgorithm.HS256, "rsa-1", new MACSigner(publicKeyAsSecret)), "algorithm");
  }

  @Test
  void what_is_no_jwt_is_left_to_others() {
    assertThat(credentials.check("sk-live-1234567890123456")).isEmpty();
    assertThat(credentials.check("a.b.c")).isEmpty();
    assertThat(credentials.check("")).isEmpty();
    assertThat(fetches).hasValue(0);
  }

  @Test
  void keys_are_fetched_once_and_made_up_ids_do_not_change_that() throws JOSEException {
    for (int i = 0; i < 20; i++) {
      assertThat(credentials.check(rs256(claims().build()))).isPresent();
    }
    assertThat(fetches).hasValue(1);
    for (int i = 0; i < 20; i++) {
      assertRefused(
          sign(JWSAlgorithm.RS256, "made-up-" + i, new RSASSASigner(STRANGER)),
          "not signed by a known key");
    }
    assertThat(fetches.get()).isLessThanOrEqualTo(3);
    assertThat(credentials.check(rs256(claims().build()))).isPresent();
  }

  @Test
  void a_new_key_of_the_issuer_is_found() throws JOSEException {
    assertThat(credentials.check(rs256(claims().build()))).isPresent();
    RSAKey next = rsa("rsa-2");
    published = new JWKSet(Arrays.<JWK>asList(RSA, next));
    assertThat(credentials.check(sign(JWSAlgorithm.RS256, "rsa-2", new RSASSASigner(next))))
        .isPresent();
  }

  @Test
  void an_issuer_that_cannot_be_reached_refuses_and_recovers() throws JOSEException {
    status = 500;
    credentials =
        new JwtCredentials(
            new JwtCredentials.Rules(ISSUER, AUDIENCE, null, "sub"),
            JwtCredentials.source(
                URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/keys"),
                Duration.ofMillis(1)),
            () -> NOW);
    assertRefused(rs256(claims().build()), "cannot be read");
    status = 200;
    assertThat(credentials.check(rs256(claims().build()))).isPresent();
  }

  private void assertRefused(String jwt, String why) {
    assertThatThrownBy(() -> credentials.check(jwt))
        .isInstanceOfSatisfying(
            PerdureException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.UNAUTHENTICATED))
        .hasMessageContaining(why)
        .hasMessageNotContaining(jwt);
  }

  private static JWTClaimsSet.Builder claims() {
    return new JWTClaimsSet.Builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .subject("auth0|alice")
        .expirationTime(Date.from(NOW.plusSeconds(300)));
  }

  private static String rs256(JWTClaimsSet claims) throws JOSEException {
    return sign(JWSAlgorithm.RS256, "rsa-1", claims, new RSASSASigner(RSA));
  }

  private static String sign(JWSAlgorithm algorithm, String key, JWSSigner signer)
      throws JOSEException {
    return sign(algorithm, key, claims().build(), signer);
  }

  private static String sign(
      JWSAlgorithm algorithm, String key, JWTClaimsSet claims, JWSSigner signer)
      throws JOSEException {
    SignedJWT jwt =
        new SignedJWT(
            new JWSHeader.Builder(algorithm).type(JOSEObjectType.JWT).keyID(key).build(), claims);
    jwt.sign(signer);
    return jwt.serialize();
  }

  private static OctetKeyPair octets(KeyPair pair) {
    byte[] encoded = pair.getPublic().getEncoded();
    byte[] raw = Arrays.copyOfRange(encoded, encoded.length - 32, encoded.length);
    return new OctetKeyPair.Builder(Curve.Ed25519, Base64URL.encode(raw)).keyID("ed").build();
  }

  /** Signed by the JDK, as the library cannot without Tink. */
  private static String edwards(KeyPair pair) throws GeneralSecurityException {
    JWSHeader header = new JWSHeader.Builder(JWSAlgorithm.EdDSA).keyID("ed").build();
    String input = header.toBase64URL() + "." + Base64URL.encode(claims().build().toString());
    Signature signature = Signature.getInstance("Ed25519");
    signature.initSign(pair.getPrivate());
    signature.update(input.getBytes(StandardCharsets.US_ASCII));
    return input + "." + Base64URL.encode(signature.sign());
  }

  private static RSAKey rsa(String id) {
    try {
      return new RSAKeyGenerator(2048).keyID(id).generate();
    } catch (JOSEException e) {
      throw new IllegalStateException(e);
    }
  }
}
