/** What begins at a time to come: turns for later, turns that wait, and messages that come again and again. */
import { turnPath } from './doubts.ts';
import { type Decoder, integer, list, object, oneOf, optional, text } from './json.ts';
import type { Transport } from './transport.ts';
import { decodePart, decodeTurn, type MessagePart, type Page, page, type Turn } from './wire.ts';

/** A time in milliseconds since 1970, or a while from now on in ISO 8601, as in `PT30M`. */
export type When = { readonly notBefore: number } | { readonly delay: string };

/** What is said then: the members of a message as the API has them. */
export interface LaterMessage {
  readonly text?: string;
  readonly parts?: readonly {
    readonly type: string;
    readonly text?: string;
    readonly file?: string;
  }[];
  readonly models?: readonly string[];
  readonly instructions?: string;
  readonly tools?: readonly string[];
}

/** A turn that is scheduled, with what it will say. */
export interface LaterTurn extends Turn {
  readonly notBefore?: number;
  readonly parts: readonly MessagePart[];
}

/** When a message comes again, and how often. */
export interface ScheduleRule {
  /** Minute, hour, day of month, month, day of week. */
  readonly cron: string;
  /** An IANA name, such as `Europe/Berlin`. */
  readonly zone: string;
  readonly name?: string;
  readonly startsAt?: number;
  readonly endsAt?: number;
  readonly maxRuns?: number;
  /** What becomes of runs whose time passed while no server was there. */
  readonly missed?: 'skip' | 'once';
  readonly paused?: boolean;
}

/** What of a schedule changes; `null` takes away. */
export interface ScheduleChange
  extends Partial<Pick<ScheduleRule, 'cron' | 'zone' | 'missed' | 'paused'>> {
  readonly message?: LaterMessage;
  readonly name?: string | null;
  readonly startsAt?: number | null;
  readonly endsAt?: number | null;
  readonly maxRuns?: number | null;
}

export interface Schedule {
  readonly id: string;
  readonly session: string;
  readonly name?: string;
  readonly parts: readonly MessagePart[];
  readonly models: readonly string[];
  readonly cron: string;
  readonly zone: string;
  readonly startsAt?: number;
  readonly endsAt?: number;
  readonly maxRuns?: number;
  readonly missed: 'skip' | 'once';
  readonly state: 'active' | 'paused' | 'ended';
  readonly runs: number;
  readonly nextAt?: number;
  /** The next few times; not in lists. */
  readonly upcoming?: readonly number[];
  readonly lastAt?: number;
  readonly lastTurn?: string;
  /** Why the last run did not become a turn. */
  readonly trouble?: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

const decodeLaterTurn: Decoder<LaterTurn> = (value, at) => ({
  ...decodeTurn(value, at),
  ...object({ notBefore: optional(integer), parts: list(decodePart) })(value, at),
});

const decodeSchedule: Decoder<Schedule> = object({
  id: text,
  session: text,
  name: optional(text),
  parts: list(decodePart),
  models: list(text),
  cron: text,
  zone: text,
  startsAt: optional(integer),
  endsAt: optional(integer),
  maxRuns: optional(integer),
  missed: oneOf(['skip', 'once']),
  state: oneOf(['active', 'paused', 'ended']),
  runs: integer,
  nextAt: optional(integer),
  upcoming: optional(list(integer)),
  lastAt: optional(integer),
  lastTurn: optional(text),
  trouble: optional(text),
  createdAt: integer,
  updatedAt: integer,
});

const SCHEDULES = '/v1/schedules';
const schedulePath = (id: string) => `${SCHEDULES}/${encodeURIComponent(id)}`;

/** Asks once each time; whoever repeats a request gives the same key again. Methods are arrows. */
export class Later {
  constructor(
    private readonly transport: Transport,
    private readonly newKey: () => string,
  ) {}

  /** Sends a message that is answered then. The turn is `scheduled` and can be moved and cancelled. */
  send = (session: string, message: LaterMessage, when: When, key = this.newKey()): Promise<Turn> =>
    this.transport.send({
      method: 'POST',
      path: `/v1/sessions/${encodeURIComponent(session)}/turns`,
      body: { ...message, ...when },
      key,
      decoder: decodeTurn,
    });

  /** The turns that are scheduled, the next first. */
  scheduled = async (): Promise<readonly LaterTurn[]> =>
    (
      await this.transport.send({
        path: '/v1/turns?state=scheduled',
        decoder: page(decodeLaterTurn),
      })
    ).items;

  /** The turns that wait for a time or for somebody, the oldest first. */
  waiting = async (): Promise<readonly Turn[]> =>
    (await this.transport.send({ path: '/v1/turns?state=waiting', decoder: page(decodeTurn) }))
      .items;

  /**
   * Moves a turn that is scheduled, or that waits for a time.
   *
   * @param was `notBefore` of the turn, or `until` of its call that waits: of two who move it one does
   */
  move = (turn: string, to: When, was: number): Promise<Turn> =>
    this.transport.send({
      method: 'PATCH',
      path: turnPath(turn),
      body: { ...to, was },
      decoder: decodeTurn,
    });

  /** A page of schedules, the newest first. */
  schedules = (before?: string): Promise<Page<Schedule>> =>
    this.transport.send({
      path: before === undefined ? SCHEDULES : `${SCHEDULES}?before=${encodeURIComponent(before)}`,
      decoder: page(decodeSchedule),
    });

  schedule = (id: string): Promise<Schedule> =>
    this.transport.send({ path: schedulePath(id), decoder: decodeSchedule });

  addSchedule = (
    session: string,
    message: LaterMessage,
    rule: ScheduleRule,
    key = this.newKey(),
  ): Promise<Schedule> =>
    this.transport.send({
      method: 'POST',
      path: SCHEDULES,
      body: { session, message, ...rule },
      key,
      decoder: decodeSchedule,
    });

  changeSchedule = (id: string, change: ScheduleChange): Promise<Schedule> =>
    this.transport.send({
      method: 'PATCH',
      path: schedulePath(id),
      body: change,
      decoder: decodeSchedule,
    });

  /** Turns that it has made stay. */
  deleteSchedule = async (id: string): Promise<void> => {
    await this.transport.send({
      method: 'DELETE',
      path: schedulePath(id),
      decoder: () => undefined,
    });
  };
}
