/**
 * The checker: decides from what clients sent and received, what the provider was asked and what
 * the database holds whether Perdure kept its promises. It shares no code with the product.
 */
@NullMarked
package dev.perdure.it.check;

import org.jspecify.annotations.NullMarked;
