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

export type TurnState =
  | 'scheduled'
  | 'queued'
  | 'running'
  | 'waiting'
  | 'completed'
  | 'failed'
  | 'cancelled';
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

/**
 * What a reply rests on: a document of which the model was shown pieces, or a page that its provider
 * says it has cited. Title and address are strangers' text; an address begins with http: or https:.
 */
export interface Source {
  readonly kind: 'document' | 'url';
  readonly title: string;
  /** Of a page. */
  readonly url?: string;
  /** The id of a document, the type of its content, and which pieces of it were shown, from 0. */
  readonly document?: string;
  readonly mediaType?: string;
  readonly pieces?: readonly number[];
}

export interface MessagePart {
  /** `text`, `reasoning`, `file`, `source`, or a type that this client does not know. */
  readonly type: string;
  /** Empty where the part is no text. */
  readonly text: string;
  /** Of a file: its id, and what is known of it. */
  readonly file?: string;
  readonly name?: string;
  readonly mediaType?: string;
  readonly size?: number;
  /** Of a source, unchecked: `LaneView.sources` has those that can be shown. */
  readonly kind?: string;
  readonly title?: string;
  readonly url?: string;
  readonly document?: string;
  readonly pieces?: readonly number[];
}

/** A file that messages can have as a part. */
export interface StoredFile {
  readonly id: string;
  readonly name: string;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
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

/** A try of a model call that was not the first of its step. */
export interface StoredAttempt {
  readonly attempt: number;
  readonly step: number;
  readonly model: string;
  readonly reason?: string;
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
  /** Of a reply that has ended, those that have a reason. */
  readonly attempts?: readonly StoredAttempt[];
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
  /** Some to choose from. */
  readonly offered?: readonly string[];
  readonly files?: FileRules;
}

/** What a message may have of files. */
export interface FileRules {
  /** Of one file. */
  readonly maxBytes: number;
  readonly maxBytesTogether: number;
  readonly maxCount: number;
  /** Of each model that is offered: the media types that it can be given beside texts. */
  readonly takes: Readonly<Record<string, readonly string[]>>;
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

export const decodeUsage: Decoder<Usage> = object({
  input: integer,
  output: integer,
  reasoning: integer,
  cached: integer,
});
export const decodeFailure: Decoder<Failure> = object({ code: text, text, retryable: flag });
export const decodeFinish = oneOf<Finish>(
  ['stop', 'length', 'content_filter', 'tool_calls', 'other'],
  'other',
);
export const decodeTurnState = oneOf<TurnState>([
  'scheduled',
  'queued',
  'running',
  'waiting',
  'completed',
  'failed',
  'cancelled',
]);
export const decodeLaneState = oneOf<LaneState>([
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

export const decodeFile: Decoder<StoredFile> = object({
  id: text,
  name: text,
  mediaType: text,
  size: integer,
});

export const decodePart: Decoder<MessagePart> = object({
  type: text,
  text: (value, at) => (value === undefined ? '' : text(value, at)),
  file: optional(text),
  name: optional(text),
  mediaType: optional(text),
  size: optional(integer),
  kind: optional(text),
  title: optional(text),
  url: optional(text),
  document: optional(text),
  pieces: optional(list(integer)),
});

export const decodeAttempt: Decoder<StoredAttempt> = object({
  attempt: integer,
  step: integer,
  model: text,
  reason: optional(text),
});

/** Undefined for a kind that this client does not know, and for an address that is none of the web. */
export function sourceOf(
  of: Partial<Omit<Source, 'kind'>> & { kind?: string },
): Source | undefined {
  const { kind, title, url, document, mediaType, pieces } = of;
  if (title === undefined) {
    return undefined;
  }
  if (kind === 'url' && url !== undefined && isWeb(url)) {
    return { kind, title, url };
  }
  if (kind === 'document' && document !== undefined) {
    return {
      kind,
      title,
      document,
      ...(mediaType === undefined ? {} : { mediaType }),
      ...(pieces === undefined ? {} : { pieces }),
    };
  }
  return undefined;
}

function isWeb(url: string): boolean {
  try {
    return ['http:', 'https:'].includes(new URL(url).protocol);
  } catch {
    return false;
  }
}

export const decodeMessage: Decoder<Message> = object({
  id: text,
  session: text,
  turn: text,
  parent: optional(text),
  role: oneOf(['user', 'assistant']),
  position: integer,
  status: messageStatus,
  model: optional(text),
  parts: list(decodePart),
  tools: optional(
    list(
      object({
        call: text,
        tool: text,
        input: json,
        output: optional(json),
        error: optional(decodeFailure),
        after: integer,
      }),
    ),
  ),
  attempts: optional(list(decodeAttempt)),
  finish: optional(decodeFinish),
  usage: optional(decodeUsage),
  error: optional(decodeFailure),
  createdAt: integer,
  updatedAt: integer,
});

export const decodeTurn: Decoder<Turn> = object({
  turn: text,
  session: text,
  userMessage: text,
  state: decodeTurnState,
  createdAt: integer,
  startedAt: optional(integer),
  endedAt: optional(integer),
  error: optional(decodeFailure),
  lanes: list(object({ lane: integer, message: text, model: text, state: decodeLaneState })),
});

export const decodeModels: Decoder<Models> = object({
  default: text,
  providers: list(text),
  offered: optional(list(text)),
  files: optional(
    object({
      maxBytes: integer,
      maxBytesTogether: integer,
      maxCount: integer,
      takes: map(list(text)),
    }),
  ),
});

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
