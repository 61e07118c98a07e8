package dev.perdure.server.auth;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.jca.JCAContext;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.OctetKeyPair;
import com.nimbusds.jose.util.Base64URL;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.spec.X509EncodedKeySpec;
import java.util.HexFormat;
import java.util.Set;

/**
 * Ed25519 signatures (RFC 8037) by the JDK. The library's own verifier needs Google Tink, a large
 * dependency for what Java has had since 15. Used once, by one thread.
 */
final class EdwardsVerifier implements JWSVerifier {
  private static final String ED25519 = "Ed25519";
  private static final int KEY_BYTES = 32;

  /** What stands before the 32 bytes of the key in its X.509 form (RFC 8410). */
  private static final byte[] X509_HEAD = HexFormat.of().parseHex("302a300506032b6570032100");

  private final PublicKey key;
  private final JCAContext context = new JCAContext();

  EdwardsVerifier(OctetKeyPair pair) throws JOSEException {
    byte[] raw = pair.getDecodedX();
    if (!Curve.Ed25519.equals(pair.getCurve()) || raw.length != KEY_BYTES) {
      throw new JOSEException("not a key of the curve Ed25519");
    }
    byte[] encoded = new byte[X509_HEAD.length + KEY_BYTES];
    System.arraycopy(X509_HEAD, 0, encoded, 0, X509_HEAD.length);
    System.arraycopy(raw, 0, encoded, X509_HEAD.length, KEY_BYTES);
    try {
      key = KeyFactory.getInstance(ED25519).generatePublic(new X509EncodedKeySpec(encoded));
    } catch (GeneralSecurityException e) {
      throw new JOSEException("not a legal key of the curve Ed25519", e);
    }
  }

  @Override
  public boolean verify(JWSHeader header, byte[] input, Base64URL signature) throws JOSEException {
    boolean critical = header.getCriticalParams() != null && !header.getCriticalParams().isEmpty();
    if (critical || !supportedJWSAlgorithms().contains(header.getAlgorithm())) {
      return false;
    }
    try {
      Signature check = Signature.getInstance(ED25519);
      check.initVerify(key);
      check.update(input);
      return check.verify(signature.decode());
    } catch (SignatureException e) {
      return false;
    } catch (GeneralSecurityException e) {
      throw new JOSEException("Ed25519 cannot be checked", e);
    }
  }

  @Override
  public Set<JWSAlgorithm> supportedJWSAlgorithms() {
    return Set.of(JWSAlgorithm.EdDSA, JWSAlgorithm.Ed25519);
  }

  @Override
  public JCAContext getJCAContext() {
    return context;
  }
}
