import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { TurnFold, textOf } from '../src/fold.ts';
import { isRecord, parse } from '../src/json.ts';
import { decodeEvent, decodeSnapshot, type TurnEvent } from '../src/log.ts';
import { laneOf, storedOf } from '../src/stored.ts';
import { decodeMessage, type Message } from '../src/wire.ts';

const DIRECTORY = new URL('../../protocol/transcripts/', import.meta.url);

interface Outcome {
  readonly state: string;
  readonly lanes: readonly {
    state: string;
    text: string;
    error?: string;
    output?: number;
    sources?: string[];
  }[];
}

function transcript(name: string): { events: TurnEvent[]; outcome: Outcome } {
  const lines = readFileSync(new URL(name, DIRECTORY), 'utf8').trim().split('\n');
  const events = lines
    .slice(1)
    .filter((line) => line.startsWith('{"seq"'))
    .map((line) => parse(line.replaceAll(/"(at|until)":"[A-Z]+"/g, '"$1":1'), decodeEvent, name));
  const outcome = JSON.parse(lines.at(-1) ?? '');
  return { events, outcome };
}

function folded(events: readonly TurnEvent[], fold = new TurnFold()): TurnFold {
  for (const event of events) {
    fold.apply(event);
  }
  return fold;
}

const names = readdirSync(DIRECTORY).filter((name) => name.endsWith('.jsonl'));

describe.each(names)('%s', (name) => {
  const { events, outcome } = transcript(name);

  test('comes out as the server has it', () => {
    expect(events.length).toBeGreaterThan(2);
    const view = folded(events).view();
    expect(view.state).toBe(outcome.state);
    expect(view.lanes).toHaveLength(outcome.lanes.length);
    for (const [index, wanted] of outcome.lanes.entries()) {
      const lane = view.lanes[index];
      expect(lane?.state).toBe(wanted.state);
      expect(lane && textOf(lane)).toBe(wanted.text);
      expect(lane?.error?.code).toBe(wanted.error);
      expect(lane?.sources.map(({ kind, title }) => `${kind} ${title}`)).toEqual(
        wanted.sources ?? [],
      );
      if (wanted.output !== undefined) {
        expect(lane?.usage?.output).toBe(wanted.output);
      }
    }
  });

  test('can be taken up from a snapshot at any event, and repeats change nothing', () => {
    const whole = folded(events).snapshot();
    for (let cut = 1; cut <= events.length; cut += 1) {
      // Also why there was another attempt is known of it.
      const half = JSON.stringify(folded(events.slice(0, cut)).snapshot());
      const fold = TurnFold.from(parse(half, decodeSnapshot, name));
      expect(folded(events, fold).snapshot()).toEqual(whole);
    }
  });

  test('views share what has not changed', () => {
    const fold = new TurnFold();
    let before = fold.view();
    for (const event of events) {
      fold.apply(event);
      const view = fold.view();
      expect(fold.view()).toBe(view);
      for (const [index, lane] of view.lanes.entries()) {
        const old = before.lanes[index];
        const touched = !isRecord(event) || !('lane' in event) || event.lane === lane.lane;
        if (!touched && old !== undefined) {
          expect(lane).toBe(old);
        }
      }
      before = view;
    }
  });
});

test('an event that is missing is noticed', () => {
  const { events } = transcript('complete.jsonl');
  const fold = folded(events.slice(0, 2));
  expect(() => folded(events.slice(3), fold)).toThrow('follows 1');
});

const ACCEPTED = {
  type: 'turn.accepted',
  turn: 't',
  session: 's',
  userMessage: 'u',
  at: 1,
} as const;
const LANES = [{ lane: 0, message: 'm', model: 'x/y' }];

function log(...events: readonly object[]): TurnEvent[] {
  return events.map((event, seq) => decodeEvent({ ...event, seq }, `event ${seq}`));
}

test('a new attempt voids its step and later ones, and keeps the steps before with their calls', () => {
  const events = log(
    { ...ACCEPTED, lanes: LANES },
    { type: 'turn.started', epoch: 1, at: 2 },
    { type: 'attempt.started', lane: 0, step: 0, attempt: 1, model: 'x/y' },
    { type: 'part.started', lane: 0, attempt: 1, part: 0, kind: 'text' },
    { type: 'part.delta', lane: 0, attempt: 1, part: 0, text: 'Let me look. ' },
    { type: 'part.ended', lane: 0, attempt: 1, part: 0 },
    { type: 'tool.called', lane: 0, attempt: 1, call: 'c', tool: 'time', input: { zone: 'UTC' } },
    { type: 'step.ended', lane: 0, step: 0, attempt: 1, finish: 'tool_calls', carried: 'blob' },
    { type: 'tool.waiting', lane: 0, call: 'c', for: 'approval', inputHash: 'h' },
    { type: 'turn.waiting', for: ['approval'], at: 3 },
    { type: 'turn.started', epoch: 2, at: 4 },
    { type: 'turn.resumed', at: 5 },
    { type: 'tool.decided', lane: 0, call: 'c', decision: 'approve' },
    { type: 'tool.returned', lane: 0, call: 'c', output: null },
    { type: 'attempt.started', lane: 0, step: 1, attempt: 2, model: 'x/y' },
    { type: 'part.started', lane: 0, attempt: 2, part: 1, kind: 'text' },
    { type: 'part.delta', lane: 0, attempt: 2, part: 1, text: 'wrong' },
    { type: 'attempt.started', lane: 0, step: 1, attempt: 3, model: 'x/z', reason: 'overloaded' },
    { type: 'part.started', lane: 0, attempt: 3, part: 1, kind: 'text' },
    { type: 'part.delta', lane: 0, attempt: 3, part: 1, text: 'It is noon.' },
    { type: 'something.new', what: 1 },
  );
  const waiting = folded(events.slice(0, 11)).view();
  expect(waiting.state).toBe('waiting');
  expect(waiting.lanes[0]?.state).toBe('waiting');
  expect(waiting.lanes[0]?.calls[0]?.waiting).toEqual({ for: 'approval', inputHash: 'h' });
  const view = folded(events).view();
  const [lane] = view.lanes;
  expect(view).toMatchObject({ state: 'running', seq: 20, startedAt: 2 });
  expect(lane && textOf(lane)).toBe('Let me look. It is noon.');
  expect(lane?.calls).toEqual([
    { call: 'c', tool: 'time', input: { zone: 'UTC' }, after: 1, output: null },
  ]);
  expect(lane?.attempts.map((attempt) => attempt.reason)).toEqual([
    undefined,
    undefined,
    'overloaded',
  ]);
  const message: Message = {
    id: 'm',
    session: 's',
    turn: 't',
    role: 'assistant',
    position: 1,
    status: 'pending',
    parts: [],
    createdAt: 1,
    updatedAt: 1,
  };
  const stored = lane && storedOf(message, lane, 9);
  expect(stored?.tools?.[0]?.after).toBe(1);
  // The server stores, and tells, those that have a reason.
  expect(stored?.attempts).toEqual([{ attempt: 3, step: 1, model: 'x/z', reason: 'overloaded' }]);
  expect(stored && laneOf(stored, 0)).toMatchObject({ attempt: 3, attempts: stored?.attempts });
});

test('a source that is no address of the web, or of a kind that is not known, is not shown', () => {
  const source = { type: 'source', lane: 0, attempt: 1, title: 'Click' };
  const page = { ...source, source: 1, kind: 'url', url: 'https://a.example/' };
  const events = log(
    { ...ACCEPTED, lanes: LANES },
    { type: 'attempt.started', lane: 0, step: 0, attempt: 1, model: 'x/y' },
    { ...source, source: 0, kind: 'url', url: 'javascript:alert(1)' },
    page,
    { ...source, source: 2, kind: 'tea', leaf: 1 },
    { ...source, source: 3, kind: 'document', document: 'd', mediaType: 'text/plain', pieces: [2] },
  );
  const shown = [
    { kind: 'url', title: 'Click', url: 'https://a.example/' },
    { kind: 'document', title: 'Click', document: 'd', mediaType: 'text/plain', pieces: [2] },
  ];
  const fold = folded(events);
  expect(fold.view().lanes[0]?.sources).toEqual(shown);
  const { seq, lanes, ...rest } = fold.snapshot();
  const evil = { source: 9, step: 0, kind: 'url', title: 'x', url: 'data:text/html,x' };
  const told = lanes.map((lane) => ({ ...lane, sources: [...(lane.sources ?? []), evil] }));
  const again = TurnFold.from(decodeSnapshot({ ...rest, seq, lanes: told }, 'snapshot'));
  expect(again.view().lanes[0]?.sources).toEqual(shown);
  const message = decodeMessage(
    {
      id: 'm',
      session: 's',
      turn: 't',
      role: 'assistant',
      position: 1,
      status: 'complete',
      parts: [
        { type: 'text', text: 'a' },
        { type: 'source', ...evil },
        { type: 'source', ...shown[0] },
      ],
      createdAt: 1,
      updatedAt: 1,
    },
    'message',
  );
  const stored = laneOf(message, 0);
  expect(stored.parts.map((part) => part.kind)).toEqual(['text']);
  expect(stored.sources).toEqual([shown[0]]);
  expect(laneOf(storedOf(message, stored, 9), 0)).toEqual(stored);
});

test('fifty thousand deltas are taken and shown in no time, and the text is whole', () => {
  const fold = folded(
    log(
      { ...ACCEPTED, lanes: LANES },
      { type: 'attempt.started', lane: 0, step: 0, attempt: 1, model: 'x/y' },
      { type: 'part.started', lane: 0, attempt: 1, part: 0, kind: 'text' },
    ),
  );
  let text = '';
  for (let i = 0; i < 50_000; i += 1) {
    text += `${i} `;
    fold.apply({ type: 'part.delta', seq: 3 + i, lane: 0, attempt: 1, part: 0, text: `${i} ` });
    fold.view();
  }
  expect(fold.view().lanes[0]?.parts[0]?.text).toBe(text);
});
