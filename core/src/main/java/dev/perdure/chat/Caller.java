package dev.perdure.chat;

/**
 * Who is asking. Every read and write of a caller's data names both in its SQL.
 *
 * @param tenant the organisation; nothing is ever shared across tenants
 * @param owner the person or service within the tenant
 */
public record Caller(String tenant, String owner) {
  /** The one principal of a server without authentication. */
  public static final Caller LOCAL = new Caller("local", "local");

  /** The key of this caller in {@code Signals.Topic.OWNER} hints. */
  public String signalKey() {
    return tenant + "/" + owner;
  }
}
