/** Drives the connection: makes requests and timers of its states, and activities of its frames. */
import type { Clock } from './clock.ts';
import {
  asksAnew,
  type Connection,
  deadline,
  graceEnd,
  type Happening,
  IDLE,
  isOpen,
  step,
} from './connection.ts';
import { asPerdureError, type PerdureError } from './errors.ts';
import { parse } from './json.ts';
import {
  type Activity,
  decodeActivityEvent,
  decodeActivityExpired,
  decodeActivitySnapshot,
  decodeNotice,
} from './log.ts';
import type { Frame } from './sse.ts';
import type { Transport } from './transport.ts';

const PATH = '/v1/inbox/events';
/** How long one poll waits for something, in seconds. */
const POLL_SECONDS = 20;
const DEFAULT_RETRY_MILLIS = 1_000;

/** The activity that a frame tells; undefined for what this client does not know. */
export function activityOf(frame: Frame): Activity | undefined {
  if (frame.data === undefined) {
    return undefined;
  }
  switch (frame.event) {
    case 'message':
      return { kind: 'event', ...parse(frame.data, decodeActivityEvent, 'event') };
    case 'snapshot':
      return {
        kind: 'snapshot',
        snapshot: parse(frame.data, decodeActivitySnapshot, 'snapshot').snapshot,
      };
    case 'expired':
      return { kind: 'expired', ...parse(frame.data, decodeActivityExpired, 'expired') };
    case 'notice':
      return { kind: 'notice', ...parse(frame.data, decodeNotice, 'notice') };
    default:
      return undefined;
  }
}

export interface FeedOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: () => number;
  /** Frames that are new, in order. */
  readonly onFrames: (frames: readonly Frame[]) => void;
  readonly onState: (at: Connection) => void;
  /** The cursor is of no use any more. */
  readonly onLost: () => void;
  /**
   * A stream without a cursor has begun: from now on it tells everything, but what ended before
   * can only be read from the messages.
   */
  readonly onFresh: () => void;
}

export class Feed {
  readonly #options: FeedOptions;
  #at: Connection = IDLE;
  #cursor: string | undefined;
  #reading = new AbortController();
  #cancelTimer = () => {};

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  get state(): Connection {
    return this.#at;
  }

  /** Behind what has been handed on. */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  start(cursor: string | undefined): void {
    this.#cursor = cursor;
    this.happens({ type: 'wanted' });
  }

  stop(): void {
    this.happens({ type: 'unwanted' });
  }

  /** Begins anew with snapshots, because something is missing. */
  restart(): void {
    this.#cursor = undefined;
    this.#options.onLost();
    this.happens({ type: 'unwanted' });
    this.happens({ type: 'wanted' });
  }

  happens(what: Happening): void {
    const before = this.#at;
    const next = step(before, what, {
      now: this.#options.clock.now(),
      random: this.#options.random,
    });
    if (next === before) {
      return;
    }
    this.#at = next;
    if (asksAnew(before, next) || (isOpen(before) && !isOpen(next))) {
      this.#reading.abort();
    }
    this.#arm();
    this.#options.onState(next);
    if (asksAnew(before, next)) {
      this.#reading = new AbortController();
      void this.#read(before, this.#reading.signal);
    }
  }

  #arm(): void {
    this.#cancelTimer();
    const now = this.#options.clock.now();
    const due = deadline(this.#at);
    const grace = graceEnd(this.#at, now);
    const next = Math.min(due ?? Number.POSITIVE_INFINITY, grace ?? Number.POSITIVE_INFINITY);
    if (next === Number.POSITIVE_INFINITY) {
      this.#cancelTimer = () => {};
      return;
    }
    this.#cancelTimer = this.#options.clock.after(Math.max(0, next - now), () => {
      const before = this.#at;
      this.happens({ type: 'tick' });
      if (this.#at === before) {
        // Only the time of grace is over.
        this.#options.onState(before);
        this.#arm();
      }
    });
  }

  async #read(before: Connection, signal: AbortSignal): Promise<void> {
    let retryMillis = DEFAULT_RETRY_MILLIS;
    try {
      const path = this.#path(before);
      for await (const batch of this.#options.transport.follow(path, this.#cursor, signal)) {
        if (signal.aborted) {
          return;
        }
        retryMillis = batch.retryMillis ?? retryMillis;
        this.happens({ type: 'heard' });
        this.#take(batch.frames, signal);
      }
      // Aborted meanwhile, it belongs to an earlier state.
      if (!signal.aborted) {
        this.happens({ type: 'ended', retryMillis });
      }
    } catch (thrown) {
      if (!signal.aborted) {
        this.#failed(asPerdureError(thrown));
      }
    }
  }

  #path(before: Connection): string {
    const query = [
      ...(this.#cursor === undefined ? ['from=snapshot'] : []),
      // The first poll comes back at once: only then is it known to be a way.
      ...(this.#at.via === 'poll' ? [`wait=${before.name === 'live' ? POLL_SECONDS : 0}`] : []),
    ];
    return query.length === 0 ? PATH : `${PATH}?${query.join('&')}`;
  }

  #take(frames: readonly Frame[], signal: AbortSignal): void {
    if (frames.length === 0) {
      return;
    }
    this.#options.onFrames(frames);
    if (signal.aborted) {
      // They did not fit: the stream begins anew.
      return;
    }
    const last = frames.findLast((frame) => frame.id !== undefined);
    if (last?.id !== undefined) {
      const fresh = this.#cursor === undefined;
      this.#cursor = last.id;
      if (fresh) {
        this.#options.onFresh();
      }
    }
  }

  #failed(error: PerdureError): void {
    const useless = error.code === 'invalid_cursor' || error.code === 'expired';
    if (useless && this.#cursor !== undefined) {
      this.restart();
      return;
    }
    this.happens({ type: 'failed', error });
  }
}
