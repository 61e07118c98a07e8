/**
 * From messages to a conversation. A session is a tree: users' messages follow replies, and each is
 * answered by one turn or, asked again, by several. What is shown is one way from the root to a leaf.
 */

import type { Outgoing, State, ThreadState } from './store.ts';
import { laneOf } from './stored.ts';
import type {
  Entry,
  LaneView,
  ReplyEntry,
  Siblings,
  ThreadView,
  TurnView,
  UserEntry,
} from './views.ts';
import {
  isTerminal,
  type Message,
  type MessagePart,
  type StoredFile,
  type TurnState,
} from './wire.ts';

/** The replies to one user's message that stand side by side. */
interface Group {
  readonly id: string;
  readonly turn: string;
  readonly lanes: readonly { readonly message: Message; readonly lane: number }[];
  readonly userMessage: string | undefined;
  readonly position: number;
}

type Slot =
  | { readonly kind: 'user'; readonly message: Message; readonly siblings: Siblings }
  | { readonly kind: 'reply'; readonly group: Group; readonly siblings: Siblings }
  | { readonly kind: 'outgoing'; readonly outgoing: Outgoing };

const ALONE: Siblings = { index: 0, count: 1 };

/** The tree that the messages of a thread make. */
class Tree {
  readonly #messages: ReadonlyMap<string, Message>;
  readonly #groupOf = new Map<string, Group>();
  /** By user's message. */
  readonly #answers = new Map<string, Group[]>();
  /** By the group that they follow; '' for the beginning, or what is not loaded. */
  readonly #users = new Map<string, Message[]>();

  constructor(messages: ReadonlyMap<string, Message>) {
    this.#messages = messages;
    const ordered = [...messages.values()].sort((a, b) => a.position - b.position);
    const byTurn = new Map<string, Message[]>();
    for (const message of ordered) {
      if (message.role === 'assistant') {
        push(byTurn, message.turn === '' ? message.id : message.turn, message);
      }
    }
    for (const [id, replies] of byTurn) {
      this.#addGroup(id, replies);
    }
    for (const message of ordered) {
      if (message.role === 'user') {
        push(this.#users, this.#behind(message), message);
      }
    }
  }

  #addGroup(id: string, replies: readonly Message[]): void {
    const [first] = replies;
    if (first === undefined) {
      return;
    }
    let group: Group = {
      id,
      turn: first.turn,
      lanes: replies.map((message, lane) => ({ message, lane })),
      userMessage: first.parent,
      position: first.position,
    };
    const siblings = this.#answers.get(first.parent ?? '') ?? [];
    const before = siblings.findLast((other) => retries(group, other));
    if (before !== undefined) {
      group = inPlace(group, before);
      siblings[siblings.indexOf(before)] = group;
    } else {
      push(this.#answers, first.parent ?? '', group);
    }
    for (const { message } of [...(before?.lanes ?? []), ...group.lanes]) {
      this.#groupOf.set(message.id, group);
    }
  }

  /** The place that a user's message stands at. */
  #behind(message: Message): string {
    if (message.parent === undefined) {
      return '';
    }
    return this.#groupOf.get(message.parent)?.id ?? message.parent;
  }

  newest(): Message | undefined {
    let newest: Message | undefined;
    for (const message of this.#messages.values()) {
      if (newest === undefined || message.position > newest.position) {
        newest = message;
      }
    }
    return newest;
  }

  /** The way from a message down to the newest leaf below it. */
  leafBelow(id: string): Message | undefined {
    let at = this.#messages.get(id);
    for (let next = at; next !== undefined; ) {
      at = next;
      if (at.role === 'user') {
        next = this.#answers.get(at.id)?.at(-1)?.lanes[0]?.message;
      } else {
        next = this.#users.get(this.#groupOf.get(at.id)?.id ?? at.id)?.at(-1);
      }
    }
    return at;
  }

  /** The slots from the oldest message that is loaded down to this one. */
  upTo(leaf: Message | undefined): Slot[] {
    const slots: Slot[] = [];
    let at = leaf;
    while (at !== undefined) {
      let above: string | undefined;
      if (at.role === 'user') {
        slots.push({ kind: 'user', message: at, siblings: this.#userSiblings(at) });
        above = at.parent;
      } else {
        const group = this.#groupOf.get(at.id);
        if (group === undefined) {
          break;
        }
        slots.push({ kind: 'reply', group, siblings: this.#groupSiblings(group) });
        above = group.userMessage;
      }
      at = above === undefined ? undefined : this.#messages.get(above);
    }
    return slots.reverse();
  }

  #userSiblings(message: Message): Siblings {
    const all = this.#users.get(this.#behind(message)) ?? [message];
    return siblings(
      all.map((other) => other.id),
      message.id,
    );
  }

  #groupSiblings(group: Group): Siblings {
    const all = this.#answers.get(group.userMessage ?? '') ?? [group];
    return siblings(
      all.map((other) => other.lanes[0]?.message.id ?? other.id),
      group.lanes[0]?.message.id ?? group.id,
    );
  }
}

/** Whether a turn of one lane stands in for a lane of a comparison that was not completed. */
function retries(group: Group, before: Group): boolean {
  const [only] = group.lanes;
  return (
    group.lanes.length === 1 &&
    before.lanes.length > 1 &&
    before.lanes.some(({ message }) => stoodInFor(message, only?.message))
  );
}

function stoodInFor(message: Message, by: Message | undefined): boolean {
  return (
    (message.status === 'failed' || message.status === 'cancelled') && message.model === by?.model
  );
}

function inPlace(group: Group, before: Group): Group {
  const [only] = group.lanes;
  const at = before.lanes.findIndex(({ message }) => stoodInFor(message, only?.message));
  return {
    ...before,
    lanes: before.lanes.map((lane, index) => (index === at && only !== undefined ? only : lane)),
  };
}

function siblings(all: readonly string[], own: string): Siblings {
  if (all.length < 2) {
    return ALONE;
  }
  const index = all.indexOf(own);
  const previous = all[index - 1];
  const next = all[index + 1];
  return {
    index,
    count: all.length,
    ...(previous === undefined ? {} : { previous }),
    ...(next === undefined ? {} : { next }),
  };
}

function push<T>(lists: Map<string, T[]>, name: string, item: T): void {
  const list = lists.get(name);
  if (list === undefined) {
    lists.set(name, [item]);
  } else {
    list.push(item);
  }
}

/** Which messages and unsent ones a thread shows, in order. */
function plan(thread: ThreadState): Slot[] {
  const tree = new Tree(thread.messages);
  if (thread.through !== undefined && thread.messages.has(thread.through)) {
    return tree.upTo(tree.leafBelow(thread.through));
  }
  const start = thread.outgoing.findLastIndex((outgoing) => placeOf(outgoing) !== undefined);
  const base = start < 0 ? undefined : thread.outgoing[start];
  const shown = start < 0 ? thread.outgoing : thread.outgoing.slice(start);
  const leaf = base === undefined ? tree.newest() : thread.messages.get(placeOf(base) ?? '');
  return [...tree.upTo(leaf), ...shown.map((outgoing): Slot => ({ kind: 'outgoing', outgoing }))];
}

/** The message behind which an unsent one goes; '' for the beginning, undefined for the end. */
function placeOf(outgoing: Outgoing): string | undefined {
  const { parentId } = outgoing.input;
  return outgoing.again ?? (parentId === null ? '' : parentId);
}

type Source = readonly (TurnView | undefined)[];

/** An entry, and what it was made of. */
interface Made {
  readonly slot: Slot;
  readonly source: Source;
  readonly entry: Entry;
}

/** Makes views of one thread; what has not changed since the last one is the same object. */
export class ThreadSelector {
  #thread: ThreadState | undefined;
  #slots: readonly Slot[] = [];
  /** By the names of slots, wherever they stand. */
  #made: ReadonlyMap<string, Made> = new Map();
  #view: ThreadView | undefined;
  readonly #stored = new WeakMap<Message, LaneView>();

  view(thread: ThreadState, turns: State['turns']): ThreadView {
    const same = thread === this.#thread;
    if (!same) {
      this.#slots = plan(thread);
      this.#thread = thread;
    }
    const made = new Map<string, Made>();
    let changed = !same;
    for (const slot of this.#slots) {
      const name = nameOf(slot);
      const old = this.#made.get(name);
      const now = this.#make(slot, sourceOf(slot, turns), thread.keys, old);
      changed ||= now !== old;
      made.set(name, now);
    }
    if (changed || this.#view === undefined) {
      this.#made = made;
      this.#view = viewOf(thread, this.#slots, [...made.values()]);
    }
    return this.#view;
  }

  #make(slot: Slot, source: Source, keys: ThreadState['keys'], old: Made | undefined): Made {
    const kept =
      old !== undefined &&
      sameSlot(slot, old.slot) &&
      old.source.length === source.length &&
      old.source.every((turn, index) => turn === source[index]) &&
      old.entry.key === keyOf(slot, keys);
    return kept ? old : { slot, source, entry: this.#entryOf(slot, source, keys) };
  }

  #entryOf(slot: Slot, source: Source, keys: ThreadState['keys']): Entry {
    switch (slot.kind) {
      case 'user':
        return userEntry(slot.message, slot.siblings, keyOf(slot, keys));
      case 'outgoing':
        return unsentEntry(slot.outgoing);
      case 'reply':
        return replyEntry(
          slot.group,
          slot.group.lanes.map(
            ({ message, lane }, index) =>
              source[index]?.lanes.find((live) => live.message === message.id) ??
              this.#laneOf(message, lane),
          ),
          source,
          slot.siblings,
          keyOf(slot, keys),
        );
    }
  }

  #laneOf(message: Message, lane: number): LaneView {
    let view = this.#stored.get(message);
    if (view === undefined || view.lane !== lane) {
      view = laneOf(message, lane);
      this.#stored.set(message, view);
    }
    return view;
  }
}

function viewOf(thread: ThreadState, [first]: readonly Slot[], made: readonly Made[]): ThreadView {
  const whole = first?.kind === 'user' && first.message.parent === undefined;
  const branch = made.map(({ entry }) => entry);
  const open = branch.findLast(
    (entry) => entry.kind === 'reply' && entry.turn !== undefined && !isTerminal(entry.state),
  );
  return {
    session: thread.session,
    branch,
    status: thread.status,
    ...(thread.error === undefined ? {} : { error: thread.error }),
    hasOlder: thread.older !== undefined && !whole,
    loadingOlder: thread.loadingOlder,
    ...(open?.kind === 'reply' && open.turn !== undefined ? { open: open.turn } : {}),
  };
}

/** The live turns of a slot's lanes, where there are some. */
function sourceOf(slot: Slot, turns: State['turns']): Source {
  return slot.kind === 'reply' ? slot.group.lanes.map(({ message }) => turns[message.turn]) : [];
}

function nameOf(slot: Slot): string {
  switch (slot.kind) {
    case 'user':
      return slot.message.id;
    case 'reply':
      return slot.group.id;
    case 'outgoing':
      return slot.outgoing.localId;
  }
}

/** What was shown before it had an id keeps its key. */
function keyOf(slot: Slot, keys: ThreadState['keys']): string {
  return keys[slot.kind === 'reply' ? slot.group.turn : nameOf(slot)] ?? nameOf(slot);
}

function sameSlot(one: Slot, other: Slot): boolean {
  if (one.kind === 'outgoing' || other.kind === 'outgoing') {
    return one.kind === 'outgoing' && other.kind === 'outgoing' && one.outgoing === other.outgoing;
  }
  if (!sameSiblings(one.siblings, other.siblings)) {
    return false;
  }
  if (one.kind === 'user' || other.kind === 'user') {
    return one.kind === 'user' && other.kind === 'user' && one.message === other.message;
  }
  return (
    one.group.id === other.group.id &&
    one.group.lanes.length === other.group.lanes.length &&
    one.group.lanes.every(({ message }, index) => message === other.group.lanes[index]?.message)
  );
}

function sameSiblings(one: Siblings, other: Siblings): boolean {
  return (
    one.index === other.index &&
    one.count === other.count &&
    one.previous === other.previous &&
    one.next === other.next
  );
}

function userEntry(message: Message, siblings: Siblings, key: string): UserEntry {
  return {
    kind: 'user',
    key,
    id: message.id,
    text: message.parts.map((part) => (part.type === 'text' ? part.text : '')).join(''),
    files: message.parts.flatMap(filesOf),
    delivery: 'stored',
    createdAt: message.createdAt,
    siblings,
  };
}

/** The file that a part is, if it is one. */
export function filesOf({ file, name, mediaType, size }: MessagePart): readonly StoredFile[] {
  return file === undefined
    ? []
    : [{ id: file, name: name ?? file, mediaType: mediaType ?? '', size: size ?? 0 }];
}

function unsentEntry(outgoing: Outgoing): Entry {
  const common = {
    key: outgoing.localId,
    localId: outgoing.localId,
    delivery: outgoing.state,
    createdAt: outgoing.at,
    siblings: ALONE,
  };
  const { error } = outgoing;
  if (outgoing.again === undefined) {
    return {
      ...common,
      kind: 'user',
      text: outgoing.input.text,
      files: outgoing.input.files ?? [],
      ...(error === undefined ? {} : { error }),
    };
  }
  return {
    ...common,
    kind: 'reply',
    userMessage: outgoing.again,
    state: outgoing.state === 'refused' ? 'failed' : 'queued',
    lanes: [],
    ...(error === undefined
      ? {}
      : { error: { code: error.code, text: error.message, retryable: error.retryable } }),
  };
}

function replyEntry(
  group: Group,
  lanes: readonly LaneView[],
  source: Source,
  siblings: Siblings,
  key: string,
): ReplyEntry {
  const live = source.find((turn) => turn !== undefined && turn.turn === group.turn);
  const open = source.find((turn) => turn !== undefined && !isTerminal(turn.state));
  const turn = open ?? live;
  const state = open?.state ?? stateOf(lanes);
  const ends = group.lanes.map(({ message }) => message.updatedAt);
  const endedAt = isTerminal(state) ? (turn?.endedAt ?? Math.max(...ends)) : undefined;
  const error = turn?.error ?? lanes.find((lane) => lane.error !== undefined)?.error;
  return {
    kind: 'reply',
    key,
    turn: turn?.turn ?? group.turn,
    ...(group.userMessage === undefined ? {} : { userMessage: group.userMessage }),
    state,
    lanes,
    delivery: 'stored',
    ...(state === 'failed' && error !== undefined ? { error } : {}),
    createdAt: turn?.acceptedAt ?? group.lanes[0]?.message.createdAt ?? 0,
    ...(endedAt === undefined ? {} : { endedAt }),
    siblings,
  };
}

/** As the protocol has it: completed if any lane is, else failed if any is, else cancelled. */
function stateOf(lanes: readonly LaneView[]): TurnState {
  const has = (state: LaneView['state']) => lanes.some((lane) => lane.state === state);
  if (has('waiting')) {
    return 'waiting';
  }
  if (has('streaming')) {
    return 'running';
  }
  if (has('pending')) {
    return 'queued';
  }
  return has('completed') ? 'completed' : has('failed') ? 'failed' : 'cancelled';
}
