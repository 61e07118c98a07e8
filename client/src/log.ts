/** The log of a turn: its events, what they amount to, and how activity streams carry them. */
import {
  type Decoder,
  flag,
  integer,
  type Json,
  json,
  list,
  object,
  oneOf,
  optional,
  text,
} from './json.ts';
import {
  decodeAttempt,
  decodeFailure,
  decodeFinish,
  decodeLaneState,
  decodeTurnState,
  decodeUsage,
  type Failure,
  type Finish,
  type LaneState,
  type Source,
  type StoredAttempt,
  sourceOf,
  type TurnState,
  type Usage,
} from './wire.ts';

export interface LaneRef {
  readonly lane: number;
  readonly message: string;
  readonly model: string;
}

export type WaitFor = 'approval' | 'client' | 'attention' | 'time' | 'input';

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
export interface SourceUsed extends OfAttempt<'source'> {
  readonly source: number;
  readonly from: Source;
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
  | SourceUsed
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
const waitFor = oneOf<WaitFor>(['approval', 'client', 'attention', 'time', 'input']);

const sourceMembers = {
  source: integer,
  kind: text,
  title: text,
  url: optional(text),
  document: optional(text),
  mediaType: optional(text),
  pieces: optional(list(integer)),
};
const sourceEvent = object({ ...ofAttempt('source'), ...sourceMembers });

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
  [
    'source',
    (value, at) => {
      const { lane, attempt, source, ...members } = sourceEvent(value, at);
      const from = sourceOf(members);
      // One that cannot be shown counts as an event, and changes nothing.
      return from === undefined
        ? { type: 'unknown', seq: members.seq }
        : { type: 'source', seq: members.seq, lane, attempt, source, from };
    },
  ],
  ['tool.called', object({ ...ofAttempt('tool.called'), call: text, tool: text, input: json })],
  ['step.ended', object({ ...ofAttempt('step.ended'), step: integer, finish: decodeFinish })],
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
      error: optional(decodeFailure),
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
      state: decodeLaneState,
      finish: optional(decodeFinish),
      error: optional(decodeFailure),
    }),
  ],
  [
    'turn.ended',
    object({
      ...kind('turn.ended'),
      state: decodeTurnState,
      error: optional(decodeFailure),
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

export interface SnapshotSource extends Source {
  readonly source: number;
  readonly step: number;
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
  /** Those that have a reason. */
  readonly attempts?: readonly StoredAttempt[];
  readonly parts: readonly SnapshotPart[];
  readonly sources?: readonly SnapshotSource[];
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

const snapshotSource = object({ step: integer, ...sourceMembers });
const snapshotSources: Decoder<readonly SnapshotSource[]> = (value, at) =>
  list(snapshotSource)(value, at).flatMap(({ source, step, ...members }) => {
    const from = sourceOf(members);
    return from === undefined ? [] : [{ source, step, ...from }];
  });

export const decodeSnapshot: Decoder<Snapshot> = object({
  turn: text,
  session: text,
  userMessage: text,
  seq: integer,
  epoch: integer,
  state: decodeTurnState,
  error: optional(decodeFailure),
  acceptedAt: optional(integer),
  startedAt: optional(integer),
  endedAt: optional(integer),
  lanes: list(
    object({
      lane: integer,
      message: text,
      model: text,
      state: decodeLaneState,
      attempt: integer,
      attempts: optional(list(decodeAttempt)),
      parts: list(object({ part: integer, step: integer, kind: text, text, ended: flag })),
      sources: optional(snapshotSources),
      calls: optional(
        list(
          object({
            call: text,
            step: integer,
            tool: text,
            input: json,
            waiting: optional(waiting),
            output: optional(json),
            error: optional(decodeFailure),
          }),
        ),
      ),
      usage: decodeUsage,
      finish: optional(decodeFinish),
      error: optional(decodeFailure),
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
