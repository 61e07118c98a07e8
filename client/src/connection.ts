/**
 * The connection as immutable states. Nothing here waits or sends: `step` says what follows on what,
 * with the time as a parameter, and `deadline` when to ask again with a tick. Milliseconds.
 */
import type { PerdureError } from './errors.ts';
import type { ConnectionStatus } from './views.ts';

/** A stream that says nothing at all for so long after its request is held back by something. */
export const FIRST_WORD_MILLIS = 10_000;
/** The server says something every 15 s; after two that are missing the line is dead. */
export const SILENCE_MILLIS = 35_000;
/** After a sleep a line that has been silent for longer than a heartbeat is not waited for. */
export const STALE_MILLIS = 20_000;
export const FIRST_BACKOFF_MILLIS = 500;
/** So that what is back is noticed after at most half as long as it was away. */
export const BACKOFF_FACTOR = 1.5;
export const MAX_BACKOFF_MILLIS = 30_000;
/** A refusal that only a new credential mends. */
export const REFUSED_MILLIS = 60_000;
/** A browser's idea of being offline may be wrong: a server on the same machine is there. */
export const OFFLINE_RETRY_MILLIS = 15_000;
/** A break that is shorter, as when a node hands over, is not told to anybody. */
export const GRACE_MILLIS = 1_500;
/** Streams that were held back in succession before polling. */
export const BLOCKED_LIMIT = 2;
/** How long is polled before a stream is tried again. */
export const POLLING_MILLIS = 10 * 60_000;

export type Via = 'stream' | 'poll';

/** What every state knows. */
interface Course {
  readonly via: Via;
  /** Failures in succession. */
  readonly failures: number;
  /** Streams in succession that said nothing. */
  readonly blocked: number;
  /** When polling began; 0 while streaming. */
  readonly pollingSince: number;
  /** When it was live last; 0 if never. */
  readonly liveUntil: number;
  readonly offline: boolean;
}

export interface Connecting extends Course {
  readonly name: 'connecting';
  readonly since: number;
}
export interface Live extends Course {
  readonly name: 'live';
  readonly heardAt: number;
  readonly degraded: boolean;
  /** While polling: counts the requests, each of which ends when something has come. */
  readonly round: number;
}
export interface Waiting extends Course {
  readonly name: 'waiting';
  readonly until: number;
  readonly error?: PerdureError;
}
/** Not wanted: nobody looks, or another tab is connected. */
export interface Idle extends Course {
  readonly name: 'idle';
}

export type Connection = Idle | Connecting | Live | Waiting;

export type Happening =
  | { readonly type: 'wanted' }
  | { readonly type: 'unwanted' }
  /** Bytes have come, if only a heartbeat. */
  | { readonly type: 'heard' }
  | { readonly type: 'notice'; readonly degraded: boolean }
  /** The stream has ended as it should. */
  | { readonly type: 'ended'; readonly retryMillis: number }
  | { readonly type: 'failed'; readonly error: PerdureError }
  /** Somebody asks for it, the network or the page is back. */
  | { readonly type: 'nudge' }
  | { readonly type: 'offline' }
  | { readonly type: 'online' }
  | { readonly type: 'visible' }
  | { readonly type: 'tick' };

export const IDLE: Idle = {
  name: 'idle',
  via: 'stream',
  failures: 0,
  blocked: 0,
  pollingSince: 0,
  liveUntil: 0,
  offline: false,
};

export interface Moment {
  readonly now: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

export function step(at: Connection, what: Happening, moment: Moment): Connection {
  const { now } = moment;
  switch (what.type) {
    case 'wanted':
      return at.name === 'idle' ? connecting(at, now) : at;
    case 'unwanted':
      return at.name === 'idle' ? at : { ...course(at, now), name: 'idle' };
    case 'heard':
      return heard(at, now);
    case 'notice':
      return at.name === 'live' ? { ...at, degraded: what.degraded } : at;
    case 'ended':
      return ended(at, what.retryMillis, moment);
    case 'failed':
      return at.name === 'idle' ? at : failed(at, what.error, moment);
    case 'nudge':
      return at.name === 'waiting' ? connecting(at, now) : at;
    case 'online':
      return at.name === 'waiting' || (at.name === 'live' && stale(at, now))
        ? connecting({ ...at, offline: false }, now)
        : { ...at, offline: false };
    case 'offline':
      return offline(at, now);
    case 'visible':
      return at.name === 'waiting' || (at.name === 'live' && stale(at, now))
        ? connecting(at, now)
        : at;
    case 'tick':
      return tick(at, moment);
  }
}

/** When to come with a tick, at the latest. */
export function deadline(at: Connection): number | undefined {
  switch (at.name) {
    case 'idle':
      return undefined;
    case 'connecting':
      return at.since + (at.via === 'poll' ? SILENCE_MILLIS : FIRST_WORD_MILLIS);
    case 'live':
      return at.heardAt + SILENCE_MILLIS;
    case 'waiting':
      return at.until;
  }
}

/** Whether a request is out in this state. */
export function isOpen(at: Connection): at is Connecting | Live {
  return at.name === 'connecting' || at.name === 'live';
}

/** Whether the second state needs another request than the first. */
export function asksAnew(before: Connection, next: Connection): boolean {
  return (
    (next.name === 'connecting' && before !== next) ||
    (next.name === 'live' && before.name === 'live' && before.round !== next.round)
  );
}

/** What people are told of it. It changes by itself at `graceEnd`. */
export function statusOf(at: Connection, now: number): ConnectionStatus {
  if (at.name === 'live') {
    return at.degraded ? 'degraded' : 'live';
  }
  if (at.offline) {
    return 'offline';
  }
  if (at.liveUntil === 0) {
    return at.name === 'waiting' ? 'reconnecting' : 'connecting';
  }
  return now < at.liveUntil + GRACE_MILLIS ? 'live' : 'reconnecting';
}

/** When `statusOf` changes though nothing happens; undefined if it does not. */
export function graceEnd(at: Connection, now: number): number | undefined {
  const end = at.liveUntil + GRACE_MILLIS;
  return at.name !== 'live' && at.liveUntil > 0 && now < end ? end : undefined;
}

function course(at: Connection, now: number): Course {
  return {
    via: at.via,
    failures: at.failures,
    blocked: at.blocked,
    pollingSince: at.pollingSince,
    liveUntil: at.name === 'live' ? now : at.liveUntil,
    offline: at.offline,
  };
}

function connecting(at: Connection, now: number): Connecting {
  const back = at.via === 'poll' && now >= at.pollingSince + POLLING_MILLIS;
  return {
    ...course(at, now),
    ...(back ? { via: 'stream', pollingSince: 0, blocked: BLOCKED_LIMIT - 1 } : {}),
    name: 'connecting',
    since: now,
  };
}

function heard(at: Connection, now: number): Connection {
  if (!isOpen(at)) {
    return at;
  }
  if (at.name === 'live') {
    return { ...at, heardAt: now };
  }
  return {
    ...course(at, now),
    name: 'live',
    failures: 0,
    blocked: 0,
    offline: false,
    heardAt: now,
    degraded: false,
    round: 0,
  };
}

function ended(at: Connection, retryMillis: number, moment: Moment): Connection {
  if (!isOpen(at)) {
    return at;
  }
  // A stream that ends before it has said anything is a failure, or it would be repeated at once.
  if (at.name === 'connecting') {
    return waiting(at, backoff(at.failures, moment), { failures: at.failures + 1 }, moment);
  }
  if (at.via === 'poll' && moment.now < at.pollingSince + POLLING_MILLIS) {
    return { ...at, heardAt: moment.now, round: at.round + 1 };
  }
  return waiting(at, jitter(retryMillis, moment), {}, moment);
}

function failed(at: Connection, error: PerdureError, moment: Moment): Connection {
  const refused = error.code === 'unauthenticated' || error.code === 'forbidden';
  const wait = refused ? REFUSED_MILLIS : backoff(at.failures, moment);
  return {
    ...waiting(
      at,
      Math.max(wait, error.retryAfterMillis ?? 0),
      { failures: at.failures + 1 },
      moment,
    ),
    error,
  };
}

function offline(at: Connection, now: number): Connection {
  if (at.name === 'idle') {
    return { ...at, offline: true };
  }
  return { ...course(at, now), name: 'waiting', offline: true, until: now + OFFLINE_RETRY_MILLIS };
}

function tick(at: Connection, moment: Moment): Connection {
  const due = deadline(at);
  if (due === undefined || moment.now < due) {
    return at;
  }
  switch (at.name) {
    case 'idle':
      return at;
    case 'waiting':
      return connecting(at, moment.now);
    case 'live':
      return waiting(at, 0, {}, moment);
    case 'connecting':
      return silent(at, moment);
  }
}

/** A request that has brought nothing: after a few of them something holds streams back. */
function silent(at: Connecting, moment: Moment): Connection {
  const blocked = at.via === 'stream' ? at.blocked + 1 : at.blocked;
  const polls = at.via === 'stream' && blocked >= BLOCKED_LIMIT;
  return waiting(
    at,
    polls ? 0 : backoff(at.failures, moment),
    {
      failures: at.failures + 1,
      blocked: polls ? 0 : blocked,
      ...(polls ? { via: 'poll', pollingSince: moment.now } : {}),
    },
    moment,
  );
}

function waiting(
  at: Connection,
  millis: number,
  change: Partial<Course>,
  { now, random }: Moment,
): Waiting {
  const offlineToo = at.offline
    ? Math.max(millis, jitter(OFFLINE_RETRY_MILLIS, { now, random }))
    : millis;
  return { ...course(at, now), ...change, name: 'waiting', until: now + offlineToo };
}

function stale(at: Live, now: number): boolean {
  return now >= at.heardAt + STALE_MILLIS;
}

/** Grows with every failure; spread over its upper half, so that clients do not come together. */
export function backoff(failures: number, moment: Moment): number {
  const most = Math.min(
    MAX_BACKOFF_MILLIS,
    FIRST_BACKOFF_MILLIS * BACKOFF_FACTOR ** Math.min(failures, 16),
  );
  return jitter(most, moment);
}

function jitter(millis: number, { random }: Moment): number {
  return Math.round(millis * (0.5 + 0.5 * random()));
}
