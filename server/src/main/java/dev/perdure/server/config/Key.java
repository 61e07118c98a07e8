package dev.perdure.server.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Makes a record component a setting. Binding, the names of environment variables, the check for
 * unknown keys and {@code docs/configuration.md} all come from these annotations.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
@interface Key {
  /** The value if nothing is given, as one would write it; empty for none. */
  String byDefault() default "";

  /** The smallest legal value, as one would write it; empty for no bound. */
  String min() default "";

  /** The largest legal value; empty for no bound. */
  String max() default "";

  /** A second, shorter environment variable; empty for none. */
  String env() default "";

  /** A flag of {@code start}, such as {@code --port}; empty for none. */
  String flag() default "";

  /** One or two sentences for the operator. */
  String text();
}
