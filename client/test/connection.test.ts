import { expect, test } from 'vitest';
import {
  asksAnew,
  BLOCKED_LIMIT,
  type Connection,
  deadline,
  FIRST_WORD_MILLIS,
  GRACE_MILLIS,
  type Happening,
  IDLE,
  MAX_BACKOFF_MILLIS,
  OFFLINE_RETRY_MILLIS,
  POLLING_MILLIS,
  REFUSED_MILLIS,
  SILENCE_MILLIS,
  STALE_MILLIS,
  statusOf,
  step,
} from '../src/connection.ts';
import { PerdureError } from '../src/errors.ts';
import { seeded } from './clock.ts';

const START = 1_000_000;
const CUT = new PerdureError('unreachable', 'cut', 0, true);

/** Goes through happenings, each at its time after the start. */
function course(...happenings: readonly (readonly [number, Happening | Happening['type']])[]): {
  at: Connection;
  now: number;
} {
  let at: Connection = IDLE;
  let now = START;
  for (const [after, what] of happenings) {
    now = START + after;
    const happening = typeof what === 'string' ? ({ type: what } as Happening) : what;
    at = step(at, happening, { now, random: () => 1 });
  }
  return { at, now };
}

const failed = (error = CUT): Happening => ({ type: 'failed', error });

test('it connects when it is wanted, is live with the first word, and idle when nobody looks', () => {
  expect(course([0, 'wanted']).at).toMatchObject({ name: 'connecting', via: 'stream' });
  expect(course([0, 'wanted'], [5, 'heard']).at).toMatchObject({
    name: 'live',
    heardAt: START + 5,
  });
  expect(course([0, 'wanted'], [5, 'heard'], [9, 'unwanted']).at.name).toBe('idle');
  expect(deadline(course([0, 'unwanted']).at)).toBe(undefined);
});

test('waits grow with each failure up to a limit, are spread, and forgotten once it is live', () => {
  let at = course([0, 'wanted']).at;
  let now = START;
  const waits: number[] = [];
  for (let i = 0; i < 12; i += 1) {
    at = step(at, failed(), { now, random: () => 1 });
    const until = deadline(at) ?? 0;
    waits.push(until - now);
    now = until;
    at = step(at, { type: 'tick' }, { now, random: () => 1 });
    expect(at.name).toBe('connecting');
  }
  expect(waits.slice(0, 4)).toEqual([500, 750, 1125, 1688]);
  expect(waits.at(-1)).toBe(MAX_BACKOFF_MILLIS);
  at = step(at, { type: 'heard' }, { now, random: () => 1 });
  at = step(at, failed(), { now, random: () => 0 });
  expect((deadline(at) ?? 0) - now).toBe(250);
});

test('what the server asks for is waited for, and a refusal longer', () => {
  const busy = new PerdureError('too_many_streams', '', 429, true, 7_000);
  const { at, now } = course([0, 'wanted'], [1, failed(busy)]);
  expect(deadline(at)).toBe(now + 7_000);
  const nobody = new PerdureError('unauthenticated', '', 401, false);
  const refused = course([0, 'wanted'], [1, failed(nobody)]);
  expect(deadline(refused.at)).toBe(refused.now + REFUSED_MILLIS);
  expect(step(refused.at, { type: 'nudge' }, { now: 0, random: () => 1 }).name).toBe('connecting');
});

test('a line that says nothing is given up, at once after a sleep', () => {
  const live = course([0, 'wanted'], [0, 'heard']).at;
  expect(deadline(live)).toBe(START + SILENCE_MILLIS);
  expect(course([0, 'wanted'], [0, 'heard'], [SILENCE_MILLIS, 'tick']).at.name).toBe('waiting');
  expect(course([0, 'wanted'], [0, 'heard'], [STALE_MILLIS, 'visible']).at.name).toBe('connecting');
  expect(course([0, 'wanted'], [0, 'heard'], [STALE_MILLIS - 1, 'visible']).at.name).toBe('live');
});

test('streams that never say a word are replaced by polls, and tried again later', () => {
  let { at, now } = course([0, 'wanted']);
  for (let i = 0; i < BLOCKED_LIMIT; i += 1) {
    now = deadline(at) ?? 0;
    expect(now).toBeGreaterThanOrEqual(START + FIRST_WORD_MILLIS);
    at = step(at, { type: 'tick' }, { now, random: () => 1 });
    now = deadline(at) ?? 0;
    at = step(at, { type: 'tick' }, { now, random: () => 1 });
  }
  expect(at).toMatchObject({ name: 'connecting', via: 'poll' });
  at = step(at, { type: 'heard' }, { now, random: () => 1 });
  const next = step(at, { type: 'ended', retryMillis: 10 }, { now: now + 20, random: () => 1 });
  expect(next).toMatchObject({ name: 'live', via: 'poll', round: 1 });
  expect(asksAnew(at, next)).toBe(true);
  expect(statusOf(next, now + 60_000)).toBe('live');
  now += POLLING_MILLIS;
  at = step(next, { type: 'ended', retryMillis: 10 }, { now, random: () => 1 });
  now = deadline(at) ?? 0;
  at = step(at, { type: 'tick' }, { now, random: () => 1 });
  expect(at).toMatchObject({ name: 'connecting', via: 'stream' });
  // Still held back: one try is enough.
  now = deadline(at) ?? 0;
  expect(step(at, { type: 'tick' }, { now, random: () => 1 })).toMatchObject({ via: 'poll' });
});

test('offline is said so, tried now and then all the same, and over with the first word', () => {
  const { at, now } = course([0, 'wanted'], [1, 'heard'], [2, 'offline']);
  expect(statusOf(at, now)).toBe('offline');
  expect(deadline(at)).toBe(now + OFFLINE_RETRY_MILLIS);
  expect(course([0, 'wanted'], [1, 'heard'], [2, 'offline'], [9, 'online']).at.name).toBe(
    'connecting',
  );
  const back = course([0, 'wanted'], [2, 'offline'], [20_000, 'tick'], [20_001, 'heard']);
  expect(statusOf(back.at, back.now)).toBe('live');
});

test('a short break is told to nobody, and a database that is away is', () => {
  const cut = course([0, 'wanted'], [1, 'heard'], [100, failed()]);
  expect(statusOf(cut.at, START + 100 + GRACE_MILLIS - 1)).toBe('live');
  expect(statusOf(cut.at, START + 100 + GRACE_MILLIS)).toBe('reconnecting');
  const degraded = course([0, 'wanted'], [1, 'heard'], [2, { type: 'notice', degraded: true }]);
  expect(statusOf(degraded.at, degraded.now)).toBe('degraded');
  // At the end of a connection every notice is over.
  const again = course(
    [0, 'wanted'],
    [1, 'heard'],
    [2, { type: 'notice', degraded: true }],
    [3, { type: 'ended', retryMillis: 0 }],
    [4, 'tick'],
    [5, 'heard'],
  );
  expect(statusOf(again.at, again.now)).toBe('live');
});

test('whatever happens in whatever order, there is always something that will happen next', () => {
  const types: Happening[] = [
    { type: 'wanted' },
    { type: 'unwanted' },
    { type: 'heard' },
    { type: 'notice', degraded: true },
    { type: 'ended', retryMillis: 1000 },
    failed(),
    { type: 'nudge' },
    { type: 'offline' },
    { type: 'online' },
    { type: 'visible' },
    { type: 'tick' },
  ];
  const random = seeded(7);
  let at: Connection = IDLE;
  let now = START;
  for (let i = 0; i < 20_000; i += 1) {
    now += Math.floor(random() * 20_000);
    const what = types[Math.floor(random() * types.length)];
    if (what !== undefined) {
      at = step(at, what, { now, random });
    }
    const due = deadline(at);
    expect(at.name === 'idle' || (due !== undefined && due <= now + REFUSED_MILLIS)).toBe(true);
  }
});
