/**
 * The one place where JSON becomes typed values. A decoder checks what it is given and names the
 * place of what is wrong; members that it does not know are left out, as the protocol asks.
 */

export class WireError extends Error {
  override readonly name = 'WireError';
}

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

export type Decoder<T> = (value: unknown, at: string) => T;
export type Decoded<D> = D extends Decoder<infer T> ? T : never;

function wrong(at: string, wanted: string, value: unknown): never {
  const shown = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
  throw new WireError(`${at} is ${shown}; it must be ${wanted}.`);
}

export const text: Decoder<string> = (value, at) =>
  typeof value === 'string' ? value : wrong(at, 'a string', value);

export const integer: Decoder<number> = (value, at) =>
  typeof value === 'number' && Number.isSafeInteger(value) ? value : wrong(at, 'an integer', value);

export const flag: Decoder<boolean> = (value, at) =>
  typeof value === 'boolean' ? value : wrong(at, 'true or false', value);

/** Any JSON, as it came out of `JSON.parse`. */
export const json: Decoder<Json> = (value) => value as Json;

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function optional<T>(decoder: Decoder<T>): Decoder<T | undefined> {
  return (value, at) => (value === undefined ? undefined : decoder(value, at));
}

export function list<T>(decoder: Decoder<T>): Decoder<readonly T[]> {
  return (value, at) =>
    Array.isArray(value)
      ? value.map((item: unknown, index) => decoder(item, `${at}[${index}]`))
      : wrong(at, 'an array', value);
}

export function map<T>(decoder: Decoder<T>): Decoder<Readonly<Record<string, T>>> {
  return (value, at) =>
    isRecord(value)
      ? Object.fromEntries(
          Object.entries(value).map(([name, item]) => [name, decoder(item, `${at}.${name}`)]),
        )
      : wrong(at, 'an object', value);
}

/** One of a closed set. With `other`, words that a newer server may use become that one. */
export function oneOf<const T extends string>(words: readonly T[], other?: T): Decoder<T> {
  return (value, at) => {
    const word = words.find((known) => known === value) ?? other;
    return word === undefined ? wrong(at, `one of ${words.join(', ')}`, value) : word;
  };
}

export function object<S extends Record<string, Decoder<unknown>>>(
  shape: S,
): Decoder<{ [K in keyof S]: Decoded<S[K]> }> {
  const members = Object.entries(shape);
  return (value, at) => {
    if (!isRecord(value)) {
      return wrong(at, 'an object', value);
    }
    const result: Record<string, unknown> = {};
    for (const [name, decoder] of members) {
      const member = decoder(value[name], `${at}.${name}`);
      if (member !== undefined) {
        result[name] = member;
      }
    }
    // Each member has passed its decoder.
    return result as { [K in keyof S]: Decoded<S[K]> };
  };
}

/** Parses one JSON text and checks it. */
export function parse<T>(source: string, decoder: Decoder<T>, at: string): T {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    throw new WireError(`${at} is not JSON: ${source.slice(0, 80)}`);
  }
  return decoder(value, at);
}
