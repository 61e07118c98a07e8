/** What a model provider is to the engine; one package per vendor below. */
@NullMarked
package dev.perdure.provider;

import org.jspecify.annotations.NullMarked;
