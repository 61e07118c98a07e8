/**
 * What comes over the wire, as protocol/PROTOCOL.md and the server's OpenAPI document have it. Times
 * are milliseconds since 1970, ids are opaque.
 */
import {
  type Decoder,
  flag,
  integer,
  type Json,
  json,
  list,
  map,
  object,
  oneOf,
  optional,
  text,
} from './json.ts';

export type TurnState = 'queued' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled';
export type LaneState = 'pending' | 'streaming' | 'waiting' | 'completed' | 'failed' | 'cancelled';
export type MessageStatus = 'pending' | 'streaming' | 'complete' | 'failed' | 'cancelled';
export type Finish = 'stop' | 'length' | 'content_filter' | 'tool_calls' | 'other';

export function isTerminal(state: TurnState | LaneState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/** Tokens, as the provider counts. */
export interface Usage {
  readonly input: number;
  readonly output: number;
  readonly reasoning: number;
  readonly cached: number;
}

/** Why a turn, a lane, an attempt or a call of a tool has failed. */
export interface Failure {
  readonly code: string;
  readonly text: string;
  readonly retryable: boolean;
}

export interface Session {
  readonly id: string;
  readonly title?: string;
  readonly instructions?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly tools?: readonly string[];
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface SessionSettings {
  readonly title?: string | null;
  readonly instructions?: string | null;
  readonly metadata?: Readonly<Record<string, string>> | null;
  readonly tools?: readonly string[] | null;
}

export interface MessagePart {
  readonly type: string;
  readonly text: string;
}

/** A call of a tool in a stored reply; `after` says behind how many parts it stands. */
export interface ToolUse {
  readonly call: string;
  readonly tool: string;
  readonly input: Json;
  readonly output?: Json;
  readonly error?: Failure;
  readonly after: number;
}

export interface Message {
  readonly id: string;
  readonly session: string;
  readonly turn: string;
  readonly parent?: string;
  readonly role: 'user' | 'assistant';
  readonly position: number;
  readonly status: MessageStatus;
  readonly model?: string;
  readonly parts: readonly MessagePart[];
  readonly tools?: readonly ToolUse[];
  readonly finish?: Finish;
  readonly usage?: Usage;
  readonly error?: Failure;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

export interface Lane {
  readonly lane: number;
  readonly message: string;
  readonly model: string;
  readonly state: LaneState;
}

/** A turn as its row says. */
export interface Turn {
  readonly turn: string;
  readonly session: string;
  readonly userMessage: string;
  readonly state: TurnState;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly error?: Failure;
  readonly lanes: readonly Lane[];
}

export interface Models {
  readonly default: string;
  readonly providers: readonly string[];
}

/** How full the server is. */
export interface ServerStatus {
  readonly queue: {
    readonly length: number;
    readonly maxLength: number;
    readonly oldestWaitMillis: number;
    readonly maxWaitMillis: number;
  };
  readonly caller: {
    readonly openTurns: number;
    readonly maxOpenTurns: number;
    readonly streams: number;
    readonly maxStreams: number;
  };
}

export type Decision = 'approve' | 'refuse' | 'done' | 'repeat' | 'fail';

/** The answer to a call of a tool that waits. */
export interface Answer {
  readonly call: string;
  readonly decision: Decision;
  readonly output?: Json;
  readonly reason?: string;
  readonly inputHash?: string;
}

const usage: Decoder<Usage> = object({
  input: integer,
  output: integer,
  reasoning: integer,
  cached: integer,
});
const failure: Decoder<Failure> = object({ code: text, text, retryable: flag });
const finish = oneOf<Finish>(['stop', 'length', 'content_filter', 'tool_calls', 'other'], 'other');
const turnState = oneOf<TurnState>([
  'queued',
  'running',
  'waiting',
  'completed',
  'failed',
  'cancelled',
]);
const laneState = oneOf<LaneState>([
  'pending',
  'streaming',
  'waiting',
  'completed',
  'failed',
  'cancelled',
]);
const messageStatus = oneOf<MessageStatus>([
  'pending',
  'streaming',
  'complete',
  'failed',
  'cancelled',
]);

export const decodeSession: Decoder<Session> = object({
  id: text,
  title: optional(text),
  instructions: optional(text),
  metadata: optional(map(text)),
  tools: optional(list(text)),
  createdAt: integer,
  updatedAt: integer,
});

export const decodeMessage: Decoder<Message> = object({
  id: text,
  session: text,
  turn: text,
  parent: optional(text),
  role: oneOf(['user', 'assistant']),
  position: integer,
  status: messageStatus,
  model: optional(text),
  parts: list(object({ type: text, text })),
  tools: optional(
    list(
      object({
        call: text,
        tool: text,
        input: json,
        output: optional(json),
        error: optional(failure),
        after: integer,
      }),
    ),
  ),
  finish: optional(finish),
  usage: optional(usage),
  error: optional(failure),
  createdAt: integer,
  updatedAt: integer,
});

export const decodeTurn: Decoder<Turn> = object({
  turn: text,
  session: text,
  userMessage: text,
  state: turnState,
  createdAt: integer,
  startedAt: optional(integer),
  endedAt: optional(integer),
  error: optional(failure),
  lanes: list(object({ lane: integer, message: text, model: text, state: laneState })),
});

export const decodeModels: Decoder<Models> = object({ default: text, providers: list(text) });

export const decodeStatus: Decoder<ServerStatus> = object({
  queue: object({
    length: integer,
    maxLength: integer,
    oldestWaitMillis: integer,
    maxWaitMillis: integer,
  }),
  caller: object({
    openTurns: integer,
    maxOpenTurns: integer,
    streams: integer,
    maxStreams: integer,
  }),
});

export function page<T>(item: Decoder<T>): Decoder<Page<T>> {
  return object({ items: list(item), next: optional(text) });
}

// ---- the log of a turn ----

export interface LaneRef {
  readonly lane: number;
  readonly message: string;
  readonly model: string;
}

export type WaitFor = 'approval' | 'client' | 'attention';

interface Of<T extends string> {
  readonly type: T;
  readonly seq: number;
}
interface OfLane<T extends string> extends Of<T> {
  readonly lane: number;
}
interface OfAttempt<T extends string> extends OfLane<T> {
  readonly attempt: number;
}

export interface TurnAccepted extends Of<'turn.accepted'> {
  readonly turn: string;
  readonly session: string;
  readonly userMessage: string;
  readonly lanes: readonly LaneRef[];
  readonly at: number;
}
export interface TurnStarted extends Of<'turn.started'> {
  readonly epoch: number;
  readonly at: number;
}
export interface AttemptStarted extends OfAttempt<'attempt.started'> {
  readonly step: number;
  readonly model: string;
  readonly reason?: string;
}
export interface PartStarted extends OfAttempt<'part.started'> {
  readonly part: number;
  readonly kind: string;
}
export interface PartDelta extends OfAttempt<'part.delta'> {
  readonly part: number;
  readonly text: string;
}
export interface PartEnded extends OfAttempt<'part.ended'> {
  readonly part: number;
}
export interface ToolCalled extends OfAttempt<'tool.called'> {
  readonly call: string;
  readonly tool: string;
  readonly input: Json;
}
export interface StepEnded extends OfAttempt<'step.ended'> {
  readonly step: number;
  readonly finish: Finish;
}
export interface ToolWaiting extends OfLane<'tool.waiting'> {
  readonly call: string;
  readonly for: WaitFor;
  readonly inputHash?: string;
  readonly until?: number;
}
export interface ToolDecided extends OfLane<'tool.decided'> {
  readonly call: string;
  readonly decision: string;
  readonly reason?: string;
}
export interface ToolReturned extends OfLane<'tool.returned'> {
  readonly call: string;
  readonly output?: Json;
  readonly error?: Failure;
}
export interface TurnWaiting extends Of<'turn.waiting'> {
  readonly until?: number;
  readonly at: number;
}
export interface TurnResumed extends Of<'turn.resumed'> {
  readonly at: number;
}
export interface UsageReported extends OfAttempt<'usage'>, Usage {}
export interface Noticed extends Of<'notice'> {
  readonly lane?: number;
  readonly code: string;
  readonly text: string;
}
export interface LaneEnded extends OfLane<'lane.ended'> {
  readonly state: LaneState;
  readonly finish?: Finish;
  readonly error?: Failure;
}
export interface TurnEnded extends Of<'turn.ended'> {
  readonly state: TurnState;
  readonly error?: Failure;
  readonly digest: string;
  readonly at: number;
}
/** An event of a type that this client does not know. It counts, and changes nothing. */
export interface UnknownEvent extends Of<'unknown'> {}

export type TurnEvent =
  | TurnAccepted
  | TurnStarted
  | AttemptStarted
  | PartStarted
  | PartDelta
  | PartEnded
  | ToolCalled
  | StepEnded
  | ToolWaiting
  | ToolDecided
  | ToolReturned
  | TurnWaiting
  | TurnResumed
  | UsageReported
  | Noticed
  | LaneEnded
  | TurnEnded
  | UnknownEvent;

const kind = <const T extends string>(word: T) => ({ type: oneOf([word]), seq: integer });
const ofLane = <const T extends string>(word: T) => ({ ...kind(word), lane: integer });
const ofAttempt = <const T extends string>(word: T) => ({ ...ofLane(word), attempt: integer });
const laneRefs = list(object({ lane: integer, message: text, model: text }));
const waitFor = oneOf<WaitFor>(['approval', 'client', 'attention']);

const events = new Map<string, Decoder<TurnEvent>>([
  [
    'turn.accepted',
    object({
      ...kind('turn.accepted'),
      turn: text,
      session: text,
      userMessage: text,
      lanes: laneRefs,
      at: integer,
    }),
  ],
  ['turn.started', object({ ...kind('turn.started'), epoch: integer, at: integer })],
  [
    'attempt.started',
    object({
      ...ofAttempt('attempt.started'),
      step: integer,
      model: text,
      reason: optional(text),
    }),
  ],
  ['part.started', object({ ...ofAttempt('part.started'), part: integer, kind: text })],
  ['part.delta', object({ ...ofAttempt('part.delta'), part: integer, text })],
  ['part.ended', object({ ...ofAttempt('part.ended'), part: integer })],
  ['tool.called', object({ ...ofAttempt('tool.called'), call: text, tool: text, input: json })],
  ['step.ended', object({ ...ofAttempt('step.ended'), step: integer, finish })],
  [
    'tool.waiting',
    object({
      ...ofLane('tool.waiting'),
      call: text,
      for: waitFor,
      inputHash: optional(text),
      until: optional(integer),
    }),
  ],
  [
    'tool.decided',
    object({ ...ofLane('tool.decided'), call: text, decision: text, reason: optional(text) }),
  ],
  [
    'tool.returned',
    object({
      ...ofLane('tool.returned'),
      call: text,
      output: optional(json),
      error: optional(failure),
    }),
  ],
  ['turn.waiting', object({ ...kind('turn.waiting'), until: optional(integer), at: integer })],
  ['turn.resumed', object({ ...kind('turn.resumed'), at: integer })],
  [
    'usage',
    object({
      ...ofAttempt('usage'),
      input: integer,
      output: integer,
      reasoning: integer,
      cached: integer,
    }),
  ],
  ['notice', object({ ...kind('notice'), lane: optional(integer), code: text, text })],
  [
    'lane.ended',
    object({
      ...ofLane('lane.ended'),
      state: laneState,
      finish: optional(finish),
      error: optional(failure),
    }),
  ],
  [
    'turn.ended',
    object({
      ...kind('turn.ended'),
      state: turnState,
      error: optional(failure),
      digest: text,
      at: integer,
    }),
  ],
]);

const head = object({ type: text, seq: integer });

/** One entry of a log. */
export const decodeEvent: Decoder<TurnEvent> = (value, at) => {
  const { type, seq } = head(value, at);
  return events.get(type)?.(value, at) ?? { type: 'unknown', seq };
};

// ---- what a log amounts to ----

export interface SnapshotPart {
  readonly part: number;
  readonly step: number;
  readonly kind: string;
  readonly text: string;
  readonly ended: boolean;
}

export interface SnapshotCall {
  readonly call: string;
  readonly step: number;
  readonly tool: string;
  readonly input: Json;
  readonly waiting?: {
    readonly for: WaitFor;
    readonly inputHash?: string;
    readonly until?: number;
  };
  readonly output?: Json;
  readonly error?: Failure;
}

export interface SnapshotLane {
  readonly lane: number;
  readonly message: string;
  readonly model: string;
  readonly state: LaneState;
  readonly attempt: number;
  readonly parts: readonly SnapshotPart[];
  readonly calls?: readonly SnapshotCall[];
  readonly usage: Usage;
  readonly finish?: Finish;
  readonly error?: Failure;
}

/** The data of a `snapshot` frame. */
export interface Snapshot {
  readonly turn: string;
  readonly session: string;
  readonly userMessage: string;
  readonly seq: number;
  readonly epoch: number;
  readonly state: TurnState;
  readonly error?: Failure;
  readonly lanes: readonly SnapshotLane[];
  /** Only in what this client keeps for itself: the log tells the times, a snapshot does not. */
  readonly acceptedAt?: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
}

const waiting = object({ for: waitFor, inputHash: optional(text), until: optional(integer) });

export const decodeSnapshot: Decoder<Snapshot> = object({
  turn: text,
  session: text,
  userMessage: text,
  seq: integer,
  epoch: integer,
  state: turnState,
  error: optional(failure),
  acceptedAt: optional(integer),
  startedAt: optional(integer),
  endedAt: optional(integer),
  lanes: list(
    object({
      lane: integer,
      message: text,
      model: text,
      state: laneState,
      attempt: integer,
      parts: list(object({ part: integer, step: integer, kind: text, text, ended: flag })),
      calls: optional(
        list(
          object({
            call: text,
            step: integer,
            tool: text,
            input: json,
            waiting: optional(waiting),
            output: optional(json),
            error: optional(failure),
          }),
        ),
      ),
      usage,
      finish: optional(finish),
      error: optional(failure),
    }),
  ),
});

// ---- frames of an activity stream ----

export type Activity =
  | {
      readonly kind: 'event';
      readonly turn: string;
      readonly session: string;
      readonly event: TurnEvent;
    }
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly kind: 'expired'; readonly turn: string; readonly session: string }
  | {
      readonly kind: 'notice';
      readonly code: string;
      readonly text: string;
      readonly session?: string;
    };

export const decodeActivityEvent = object({ turn: text, session: text, event: decodeEvent });
export const decodeActivitySnapshot = object({
  turn: text,
  session: text,
  snapshot: decodeSnapshot,
});
export const decodeActivityExpired = object({ turn: text, session: text });
export const decodeNotice = object({ code: text, text, session: optional(text) });
