/** The messages of one session as a value, and what can happen to them. */

import type { Action, Outgoing, State, ThreadState } from './store.ts';
import { storedOf } from './stored.ts';
import type { TurnView } from './views.ts';
import { isTerminal, type Message, type Turn } from './wire.ts';

export type ThreadAction = Extract<
  Action,
  {
    type:
      | 'thread.cached'
      | 'thread.newest'
      | 'thread.loadingOlder'
      | 'thread.older'
      | 'thread.failed'
      | 'thread.through'
      | `outgoing.${string}`;
  }
>;

export function newThread(session: string): ThreadState {
  return {
    session,
    messages: new Map(),
    outgoing: [],
    keys: {},
    status: 'loading',
    loadingOlder: false,
  };
}

export function reduceThread(
  at: ThreadState,
  action: ThreadAction,
  turns: State['turns'],
): ThreadState {
  switch (action.type) {
    case 'thread.cached':
      return at.status === 'ready'
        ? at
        : {
            ...at,
            messages: merge(at.messages, action.messages, turns),
            status: 'cached',
            ...(action.older === undefined ? {} : { older: action.older }),
          };
    case 'thread.newest':
      return takeNewest(at, action, turns);
    case 'thread.loadingOlder':
      return { ...at, loadingOlder: true };
    case 'thread.older': {
      const { older: _, ...rest } = at;
      return {
        ...rest,
        messages: merge(at.messages, action.messages, turns),
        loadingOlder: false,
        ...(action.next === undefined ? {} : { older: action.next }),
      };
    }
    case 'thread.failed':
      return { ...at, status: 'error', error: action.error, loadingOlder: false };
    case 'thread.through':
      return { ...at, through: action.message };
    case 'outgoing.put':
      return putOutgoing(at, action.outgoing);
    case 'outgoing.dropped':
      return {
        ...at,
        outgoing: at.outgoing.filter((other) => other.localId !== action.localId),
      };
    case 'outgoing.accepted':
      return accept(at, action.outgoing, action.turn, turns);
  }
}

/**
 * The newest page is the truth for its span. If it does not reach what is known, that is let go: it
 * may have changed, and would leave a gap.
 */
function takeNewest(
  at: ThreadState,
  action: Extract<Action, { type: 'thread.newest' }>,
  turns: State['turns'],
): ThreadState {
  const { older, error: _, ...rest } = at;
  const oldest = Math.min(...action.messages.map((message) => message.position));
  const known = [...at.messages.values()];
  const joined = action.next === undefined || known.some((message) => message.position >= oldest);
  const kept =
    joined && action.next !== undefined ? known.filter((message) => message.position < oldest) : [];
  const fresh = merge(at.messages, action.messages, turns);
  const messages = new Map(kept.map((message) => [message.id, message]));
  for (const message of action.messages) {
    messages.set(message.id, fresh.get(message.id) ?? message);
  }
  // What was accepted after the page was read is newer than all of it.
  const newest = Math.max(-1, ...action.messages.map((message) => message.position));
  for (const message of known) {
    if (message.position > newest) {
      messages.set(message.id, message);
    }
  }
  const next = kept.length > 0 ? older : action.next;
  return {
    ...rest,
    messages,
    status: 'ready',
    ...(next === undefined ? {} : { older: next }),
  };
}

function merge(
  known: ReadonlyMap<string, Message>,
  fresh: readonly Message[],
  turns: State['turns'],
): ReadonlyMap<string, Message> {
  const merged = new Map(known);
  for (const message of fresh) {
    const before = known.get(message.id);
    const live = turns[message.turn];
    // The log may be ahead of a page that was read a moment ago.
    const done = before !== undefined && live !== undefined && isTerminal(live.state);
    if (before === undefined || !(done && open(message))) {
      merged.set(message.id, message);
    }
  }
  return merged;
}

function open(message: Message): boolean {
  return message.status === 'pending' || message.status === 'streaming';
}

function putOutgoing(at: ThreadState, outgoing: Outgoing): ThreadState {
  const known = at.outgoing.some((other) => other.localId === outgoing.localId);
  const { through, ...rest } = at;
  return {
    ...rest,
    outgoing: known
      ? at.outgoing.map((other) => (other.localId === outgoing.localId ? outgoing : other))
      : [...at.outgoing, outgoing],
    // What one sends is shown.
    ...(known && through !== undefined ? { through } : {}),
  };
}

/** Puts the messages that the answer names into the place of the one that was shown. */
function accept(
  at: ThreadState,
  outgoing: Outgoing,
  turn: Turn,
  turns: State['turns'],
): ThreadState {
  const position = Math.max(-1, ...[...at.messages.values()].map((message) => message.position));
  const parent = outgoing.input.parentId ?? newestReply(at);
  const user: Message = {
    id: turn.userMessage,
    session: turn.session,
    turn: turn.turn,
    ...(outgoing.input.parentId === null || parent === undefined ? {} : { parent }),
    role: 'user',
    position: position + 1,
    status: 'complete',
    parts: [
      { type: 'text', text: outgoing.input.text },
      ...(outgoing.input.files ?? []).map(({ id, ...file }) => ({
        type: 'file',
        text: '',
        file: id,
        ...file,
      })),
    ],
    createdAt: turn.createdAt,
    updatedAt: turn.createdAt,
  };
  const messages = new Map(at.messages);
  if (outgoing.again === undefined && !messages.has(user.id)) {
    messages.set(user.id, user);
  }
  for (const message of laneMessages(turn, position + 2)) {
    if (!messages.has(message.id)) {
      const live = turns[turn.turn]?.lanes.find((lane) => lane.message === message.id);
      messages.set(message.id, live ? storedOf(message, live, turn.createdAt) : message);
    }
  }
  return {
    ...at,
    messages,
    outgoing: at.outgoing.filter((other) => other.localId !== outgoing.localId),
    keys:
      outgoing.again === undefined
        ? { ...at.keys, [turn.userMessage]: outgoing.localId }
        : { ...at.keys, [turn.turn]: outgoing.localId },
  };
}

/** What the server puts a message behind that does not say where: see `Spot.Newest` of its core. */
function newestReply(at: ThreadState): string | undefined {
  let newest: Message | undefined;
  for (const message of at.messages.values()) {
    if (message.role === 'assistant') {
      const first = newest?.turn === message.turn && newest.position < message.position;
      newest =
        newest === undefined || (message.position > newest.position && !first) ? message : newest;
    }
  }
  return newest?.id;
}

function laneMessages(turn: Turn, position: number): readonly Message[] {
  return turn.lanes.map((lane) => ({
    id: lane.message,
    session: turn.session,
    turn: turn.turn,
    parent: turn.userMessage,
    role: 'assistant' as const,
    position: position + lane.lane,
    status: 'pending' as const,
    model: lane.model,
    parts: [],
    createdAt: turn.createdAt,
    updatedAt: turn.createdAt,
  }));
}

/** A turn has ended: its messages are what the server stores. */
export function settle(thread: ThreadState, view: TurnView): ThreadState {
  const messages = new Map(thread.messages);
  for (const lane of view.lanes) {
    const message = messages.get(lane.message);
    if (message !== undefined) {
      messages.set(lane.message, storedOf(message, lane, view.endedAt ?? message.updatedAt));
    }
  }
  return { ...thread, messages };
}
