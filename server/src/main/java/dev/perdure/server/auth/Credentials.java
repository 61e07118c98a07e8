package dev.perdure.server.auth;

import dev.perdure.chat.Caller;
import java.util.Optional;

/** One kind of credential: {@link ApiKeys} or {@link JwtCredentials}. Thread-safe. */
public interface Credentials {

  /**
   * The caller that a credential stands for; empty if it is not of this kind or not known.
   *
   * @throws dev.perdure.protocol.PerdureException UNAUTHENTICATED if it is of this kind and there
   *     is a reason to name for refusing it
   */
  Optional<Caller> check(String credential);
}
