package dev.perdure.server;

/** The version of this build, from the jar's manifest. */
final class Version {
  private Version() {}

  /** Such as {@code 0.1.0}; {@code development} if it does not run from a jar. */
  static String text() {
    String version = Version.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
