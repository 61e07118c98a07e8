package dev.perdure.tool;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/**
 * Works out an expression in decimal numbers: {@code + - * / % ^}, signs and parentheses, with the
 * usual precedence. Everything is exact but division, which is rounded to 34 digits where it does
 * not come out even. Length, nesting, digits and exponents are bounded. For one thread and one
 * expression.
 *
 * <pre>
 * sum     = product (("+" | "-") product)*
 * product = sign (("*" | "/" | "%") sign)*
 * sign    = ("+" | "-") sign | power
 * power   = atom ("^" sign)?
 * atom    = number | "(" sum ")"
 * </pre>
 */
final class Calculator {
  private static final int MAX_CHARS = 1_000;
  private static final int MAX_DEPTH = 100;
  private static final int MAX_DIGITS = 1_000;
  private static final int MAX_EXPONENT = 1_000;
  private static final MathContext ROUNDING = new MathContext(34, RoundingMode.HALF_EVEN);

  private final String text;
  private int at;
  private int depth;
  private boolean exact = true;

  private Calculator(String text) {
    this.text = text;
  }

  /**
   * What comes out.
   *
   * @param value in plain digits
   * @param exact false if it was rounded on the way
   */
  record Result(String value, boolean exact) {}

  /**
   * @throws ToolException if it is no expression, or goes beyond the bounds
   */
  static Result evaluate(String expression) throws ToolException {
    if (expression.length() > MAX_CHARS) {
      throw new ToolException("The expression has more than " + MAX_CHARS + " characters.");
    }
    Calculator calculator = new Calculator(expression);
    BigDecimal value = calculator.sum();
    calculator.space();
    if (calculator.at < expression.length()) {
      throw calculator.unexpected();
    }
    BigDecimal plain = value.signum() == 0 ? BigDecimal.ZERO : value.stripTrailingZeros();
    return new Result(plain.toPlainString(), calculator.exact);
  }

  private BigDecimal sum() throws ToolException {
    BigDecimal value = product();
    while (true) {
      if (take('+')) {
        value = bounded(value.add(product()));
      } else if (take('-')) {
        value = bounded(value.subtract(product()));
      } else {
        return value;
      }
    }
  }

  private BigDecimal product() throws ToolException {
    BigDecimal value = sign();
    while (true) {
      if (take('*')) {
        value = bounded(value.multiply(sign()));
      } else if (take('/')) {
        value = divide(value, sign());
      } else if (take('%')) {
        value = bounded(value.remainder(notZero(sign())));
      } else {
        return value;
      }
    }
  }

  private BigDecimal sign() throws ToolException {
    if (++depth > MAX_DEPTH) {
      throw new ToolException("The expression is nested deeper than " + MAX_DEPTH + ".");
    }
    try {
      if (take('-')) {
        return sign().negate();
      }
      return take('+') ? sign() : power();
    } finally {
      depth--;
    }
  }

  private BigDecimal power() throws ToolException {
    BigDecimal base = atom();
    if (!take('^')) {
      return base;
    }
    BigDecimal exponent = sign();
    int n;
    try {
      n = exponent.intValueExact();
    } catch (ArithmeticException e) {
      throw new ToolException("An exponent must be a whole number, not " + exponent + ".");
    }
    if (Math.abs(n) > MAX_EXPONENT
        || (long) Math.abs(n) * (base.precision() + Math.abs(base.scale())) > 10L * MAX_DIGITS) {
      throw tooLarge();
    }
    BigDecimal power = bounded(base.pow(Math.abs(n)));
    return n < 0 ? divide(BigDecimal.ONE, power) : power;
  }

  private BigDecimal atom() throws ToolException {
    if (take('(')) {
      BigDecimal value = sum();
      if (!take(')')) {
        throw unexpected();
      }
      return value;
    }
    space();
    int from = at;
    while (at < text.length() && (digit(text.charAt(at)) || text.charAt(at) == '.')) {
      at++;
    }
    String number = text.substring(from, at);
    if (!number.matches("[0-9]+(\\.[0-9]+)?|\\.[0-9]+")) {
      at = from;
      throw unexpected();
    }
    return new BigDecimal(number);
  }

  private BigDecimal divide(BigDecimal value, BigDecimal by) throws ToolException {
    BigDecimal out = value.divide(notZero(by), ROUNDING);
    exact &= out.multiply(by).compareTo(value) == 0;
    return bounded(out);
  }

  private static BigDecimal notZero(BigDecimal value) throws ToolException {
    if (value.signum() == 0) {
      throw new ToolException("Nothing can be divided by zero.");
    }
    return value;
  }

  private static BigDecimal bounded(BigDecimal value) throws ToolException {
    if (value.precision() > MAX_DIGITS || Math.abs((long) value.scale()) > MAX_DIGITS) {
      throw tooLarge();
    }
    return value;
  }

  private static ToolException tooLarge() {
    return new ToolException("A number would have more than " + MAX_DIGITS + " digits.");
  }

  private static boolean digit(char c) {
    return c >= '0' && c <= '9';
  }

  private void space() {
    while (at < text.length() && text.charAt(at) == ' ') {
      at++;
    }
  }

  private boolean take(char wanted) {
    space();
    if (at < text.length() && text.charAt(at) == wanted) {
      at++;
      return true;
    }
    return false;
  }

  private ToolException unexpected() {
    String what = at < text.length() ? "'" + text.charAt(at) + "'" : "the end";
    return new ToolException(
        "A number or an operator is missing before "
            + what
            + " at "
            + (at + 1)
            + ". Write numbers with + - * / % ^ and parentheses, as in (1.5 + 2) * 3.");
  }
}
