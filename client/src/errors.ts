/** What can go wrong, as codes: those of the server's problems, and a few of this side. */
import { flag, integer, isRecord, object, optional, text, WireError } from './json.ts';

/** Codes of this side; all others come from the server (see "Problems" of PROTOCOL.md). */
export type LocalCode =
  /** No answer came: whether the server has taken the request is not known. */
  | 'unreachable'
  /** The answer is not one of Perdure: a proxy or another server has spoken. */
  | 'not_perdure'
  /** The caller has stopped the request. */
  | 'aborted';

/** A refusal, or the lack of an answer. Its message is for people: the value, the cause, the fix. */
export class PerdureError extends Error {
  override readonly name = 'PerdureError';

  constructor(
    readonly code: string,
    message: string,
    /** Of HTTP; 0 without an answer. */
    readonly status: number,
    /** Whether the same request may succeed later. */
    readonly retryable: boolean,
    /** After how long at the soonest, if the server said. */
    readonly retryAfterMillis?: number,
  ) {
    super(message);
  }

  /**
   * Whether the server may have done what was asked all the same. Such a request is only repeated
   * with the same Idempotency-Key.
   */
  get mayHaveArrived(): boolean {
    return (
      this.code === 'unreachable' ||
      this.code === 'not_perdure' ||
      this.code === 'internal' ||
      this.code === 'database_unavailable'
    );
  }
}

const problem = object({ code: text, detail: text, status: integer, retryable: flag });
const oldProblem = object({ title: optional(text) });

/** Makes an error of an answer that is no success. */
export function refusal(status: number, body: string, retryAfter: string | null): PerdureError {
  const after = retryAfterMillis(retryAfter);
  try {
    const said = problem(JSON.parse(body), 'problem');
    return new PerdureError(said.code, said.detail, status, said.retryable, after);
  } catch {
    return new PerdureError(
      'not_perdure',
      `The answer is HTTP ${status} without a problem of Perdure${titleOf(body)}. Check the base URL, and what stands in between.`,
      status,
      status >= 500 || status === 429 || status === 408,
      after,
    );
  }
}

function titleOf(body: string): string {
  try {
    const value: unknown = JSON.parse(body);
    const title = isRecord(value) ? oldProblem(value, 'problem').title : undefined;
    return title === undefined ? '' : ` (${title})`;
  } catch {
    return '';
  }
}

const MAX_RETRY_AFTER_SECONDS = 3600;

function retryAfterMillis(header: string | null): number | undefined {
  const seconds = header === null ? Number.NaN : Number(header);
  return seconds >= 0 ? Math.min(seconds, MAX_RETRY_AFTER_SECONDS) * 1000 : undefined;
}

/** Whatever was thrown, as an error with a code. */
export function asPerdureError(thrown: unknown): PerdureError {
  if (thrown instanceof PerdureError) {
    return thrown;
  }
  if (thrown instanceof WireError) {
    return new PerdureError('not_perdure', thrown.message, 0, false);
  }
  const said = thrown instanceof Error ? thrown.message : String(thrown);
  return new PerdureError(
    'unreachable',
    `The server could not be reached (${said}). It is tried again when the network is back.`,
    0,
    true,
  );
}
