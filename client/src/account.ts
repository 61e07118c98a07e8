/**
 * The name under which things of a user are kept in the browser. It never holds a token. Two users
 * never share a name; where none can be made, nothing is kept.
 */
import { isRecord, type Json } from './json.ts';

/** Claims that change with every token of the same user. */
const PASSING = new Set(['iat', 'exp', 'nbf', 'jti', 'auth_time', 'nonce', 'at_hash', 'sid']);

export interface AccountInput {
  readonly baseUrl: string;
  readonly token: string | undefined;
  /** What the application calls the user. */
  readonly account: string | undefined;
}

/** Undefined if the browser cannot make one, as on pages that came without TLS. */
export async function accountOf(input: AccountInput): Promise<string | undefined> {
  const who =
    input.account !== undefined
      ? `named ${input.account}`
      : input.token === undefined
        ? 'local'
        : await ofToken(input.token);
  return who === undefined ? undefined : `${input.baseUrl} ${who}`;
}

async function ofToken(token: string): Promise<string | undefined> {
  const claims = claimsOf(token);
  if (claims !== undefined) {
    const lasting = Object.entries(claims)
      .filter(([name]) => !PASSING.has(name))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `claims ${JSON.stringify(lasting)}`;
  }
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) {
    return undefined;
  }
  const digest = await subtle.digest('SHA-256', new TextEncoder().encode(`perdure ${token}`));
  return `key ${[...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** The claims of a JWT that names somebody; undefined for any other token. */
function claimsOf(token: string): Readonly<Record<string, Json>> | undefined {
  const [, payload, signature, ...more] = token.split('.');
  if (payload === undefined || signature === undefined || more.length > 0) {
    return undefined;
  }
  try {
    const bytes = Uint8Array.from(
      atob(payload.replaceAll('-', '+').replaceAll('_', '/')),
      (char) => char.codePointAt(0) ?? 0,
    );
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    // JSON.parse gives nothing but JSON.
    return isRecord(claims) && typeof claims.sub === 'string'
      ? (claims as Readonly<Record<string, Json>>)
      : undefined;
  } catch {
    return undefined;
  }
}
