import { expect, test } from 'vitest';
import { ThreadSelector } from '../src/branch.ts';
import type { ThreadState } from '../src/store.ts';
import type { Entry } from '../src/views.ts';
import type { Message } from '../src/wire.ts';

let position = 0;

function message(
  id: string,
  role: Message['role'],
  parent: string | undefined,
  more: Partial<Message> = {},
): Message {
  position += 1;
  return {
    id,
    session: 's',
    turn: `turn of ${id}`,
    ...(parent === undefined ? {} : { parent }),
    role,
    position,
    status: 'complete',
    parts: [{ type: 'text', text: id }],
    createdAt: 1,
    updatedAt: 2,
    ...more,
  };
}

function state(messages: readonly Message[], more: Partial<ThreadState> = {}): ThreadState {
  return {
    session: 's',
    messages: new Map(messages.map((one) => [one.id, one])),
    outgoing: [],
    keys: {},
    status: 'ready',
    loadingOlder: false,
    ...more,
  };
}

const told = (branch: readonly Entry[]) =>
  branch.map((entry) =>
    entry.kind === 'user' ? entry.text : entry.lanes.map((lane) => lane.message).join('+'),
  );

test('the newest branch is shown, and others can be reached from where they part', () => {
  const messages = [
    message('q1', 'user', undefined),
    message('a1', 'assistant', 'q1', { turn: 't1' }),
    message('q2', 'user', 'a1'),
    message('a2', 'assistant', 'q2', { turn: 't2' }),
    message('q2b', 'user', 'a1'),
    message('a2b', 'assistant', 'q2b', { turn: 't2b' }),
    message('a2c', 'assistant', 'q2b', { turn: 't2c' }),
  ];
  const selector = new ThreadSelector();
  const { branch } = selector.view(state(messages), {});
  expect(told(branch)).toEqual(['q1', 'a1', 'q2b', 'a2c']);
  expect(branch[2]?.siblings).toEqual({ index: 1, count: 2, previous: 'q2' });
  expect(branch[3]?.siblings).toEqual({ index: 1, count: 2, previous: 'a2b' });
  const back = selector.view(state(messages, { through: 'q2' }), {}).branch;
  expect(told(back)).toEqual(['q1', 'a1', 'q2', 'a2']);
  // What both branches have is the same object.
  expect(back[0]).toBe(branch[0]);
  expect(back[1]).toBe(branch[1]);
  const older = message('a0', 'assistant', 'q0', { turn: 't0', position: 0 });
  const prepended = selector.view(
    state([older, { ...(messages[0] ?? older), parent: 'a0' }, ...messages.slice(1)]),
    {},
  ).branch;
  expect(told(prepended)).toEqual(['a0', 'q1', 'a1', 'q2b', 'a2c']);
  expect(prepended[2]).toBe(branch[1]);
  expect(back[2]?.siblings).toEqual({ index: 0, count: 2, next: 'q2b' });
});

test('a lane of a comparison that is retried takes the place of the one that failed', () => {
  const lane = (id: string, turn: string, model: string, status: Message['status']) =>
    message(id, 'assistant', 'q', { turn, model, status });
  const messages = [
    message('q', 'user', undefined),
    lane('a', 't1', 'x/a', 'complete'),
    lane('b', 't1', 'x/b', 'failed'),
    lane('b2', 't2', 'x/b', 'complete'),
    message('next', 'user', 'b2'),
  ];
  const { branch } = new ThreadSelector().view(state(messages), {});
  expect(told(branch)).toEqual(['q', 'a+b2', 'next']);
  expect(branch[1]).toMatchObject({ state: 'completed', siblings: { count: 1 } });
  expect(branch[1]?.kind === 'reply' && branch[1].lanes.map((one) => one.turn)).toEqual([
    't1',
    't2',
  ]);
});

test('of a long history only the loaded end is shown, and whether there is more', () => {
  const messages = [
    message('q2', 'user', 'not loaded'),
    message('a2', 'assistant', 'q2', { turn: 't2' }),
  ];
  const some = new ThreadSelector().view(state(messages, { older: '5' }), {});
  expect(told(some.branch)).toEqual(['q2', 'a2']);
  expect(some.hasOlder).toBe(true);
  const [first, second] = [message('q', 'user', undefined), message('a', 'assistant', 'q')];
  const whole = new ThreadSelector().view(state([first, second], { older: '5' }), {});
  expect(whole.hasOlder).toBe(false);
});

test('messages that another door has stored along, without a turn, are replies as well', () => {
  const messages = [
    message('q1', 'user', undefined, { turn: '' }),
    message('a1', 'assistant', 'q1', { turn: '' }),
    message('q2', 'user', 'a1', { turn: '' }),
    message('a2', 'assistant', 'q2', { turn: '' }),
    message('q3', 'user', 'a2'),
  ];
  const { branch } = new ThreadSelector().view(state(messages), {});
  expect(told(branch)).toEqual(['q1', 'a1', 'q2', 'a2', 'q3']);
});

test('files of a message are told, and have no text', () => {
  const file = {
    type: 'file',
    text: '',
    file: 'file_1',
    name: 'a.png',
    mediaType: 'image/png',
    size: 9,
  };
  const messages = [
    message('q', 'user', undefined, { parts: [{ type: 'text', text: 'look' }, file] }),
  ];
  const [entry] = new ThreadSelector().view(state(messages), {}).branch;
  expect(entry).toMatchObject({
    text: 'look',
    files: [{ id: 'file_1', name: 'a.png', mediaType: 'image/png', size: 9 }],
  });
});
