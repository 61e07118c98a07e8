/**
 * From events to text: what a turn's log amounts to, as `TurnFold` of the server has it. Taking an
 * event costs the same however long the reply is; a view shares with the one before whatever has not
 * changed.
 */

import type { LaneRef, Snapshot, SnapshotLane, TurnEvent } from './log.ts';
import type { AttemptView, CallView, LaneView, PartView, TurnView } from './views.ts';
import type { Failure, Finish, LaneState, Source, TurnState, Usage } from './wire.ts';

/** The events do not make sense: one is missing, or the server breaks its protocol. */
export class FoldError extends Error {
  override readonly name = 'FoldError';
}

const NO_USAGE: Usage = { input: 0, output: 0, reasoning: 0, cached: 0 };

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A turn as far as its log is known. Mutable; `view()` is not. */
export class TurnFold {
  #turn = '';
  #session = '';
  #userMessage = '';
  #seq = -1;
  #epoch = 0;
  #state: TurnState = 'queued';
  #error: Failure | undefined;
  #acceptedAt: number | undefined;
  #startedAt: number | undefined;
  #endedAt: number | undefined;
  readonly #lanes = new Map<number, LaneFold>();
  #view: TurnView | undefined;

  static from(snapshot: Snapshot): TurnFold {
    const fold = new TurnFold();
    fold.#turn = snapshot.turn;
    fold.#session = snapshot.session;
    fold.#userMessage = snapshot.userMessage;
    fold.#seq = snapshot.seq;
    fold.#epoch = snapshot.epoch;
    fold.#state = snapshot.state;
    fold.#error = snapshot.error;
    fold.#acceptedAt = snapshot.acceptedAt;
    fold.#startedAt = snapshot.startedAt;
    fold.#endedAt = snapshot.endedAt;
    for (const lane of snapshot.lanes) {
      fold.#lanes.set(lane.lane, LaneFold.from(snapshot.turn, lane));
    }
    return fold;
  }

  /** The last event taken; -1 before the first. */
  get seq(): number {
    return this.#seq;
  }

  /** Takes the next event. One that is known already changes nothing. @throws FoldError for a gap */
  apply(event: TurnEvent): void {
    if (event.seq <= this.#seq) {
      return;
    }
    if (event.seq > this.#seq + 1) {
      throw new FoldError(`Event ${event.seq} of ${this.#turn} follows ${this.#seq}.`);
    }
    this.#take(event);
    this.#seq = event.seq;
    this.#view = undefined;
  }

  #take(event: TurnEvent): void {
    switch (event.type) {
      case 'turn.accepted':
        this.#turn = event.turn;
        this.#session = event.session;
        this.#userMessage = event.userMessage;
        this.#acceptedAt = event.at;
        for (const lane of event.lanes) {
          this.#lanes.set(lane.lane, new LaneFold(event.turn, lane));
        }
        return;
      case 'turn.started':
        this.#epoch = event.epoch;
        this.#startedAt ??= event.at;
        // After a takeover the log goes on; one that waited goes on when it says so.
        this.#state = this.#state === 'waiting' ? 'waiting' : 'running';
        return;
      case 'turn.waiting':
        this.#state = 'waiting';
        return;
      case 'turn.resumed':
        this.#state = 'running';
        return;
      case 'turn.ended':
        this.#state = event.state;
        this.#error = event.error;
        this.#endedAt = event.at;
        return;
      case 'notice':
        if (event.lane !== undefined) {
          this.#lane(event.lane).notice(event.code, event.text);
        }
        return;
      case 'unknown':
        return;
      default:
        this.#lane(event.lane).take(event);
    }
  }

  #lane(number: number): LaneFold {
    const lane = this.#lanes.get(number);
    if (lane === undefined) {
      throw new FoldError(`Turn ${this.#turn} has no lane ${number}.`);
    }
    return lane;
  }

  view(): TurnView {
    this.#view ??= {
      turn: this.#turn,
      session: this.#session,
      userMessage: this.#userMessage,
      state: this.#state,
      seq: this.#seq,
      lanes: [...this.#lanes.values()].map((lane) => lane.view()),
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...this.#times(),
    };
    return this.#view;
  }

  snapshot(): Snapshot {
    return {
      turn: this.#turn,
      session: this.#session,
      userMessage: this.#userMessage,
      seq: this.#seq,
      epoch: this.#epoch,
      state: this.#state,
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...this.#times(),
      lanes: [...this.#lanes.values()].map((lane) => lane.snapshot()),
    };
  }

  #times(): Pick<Snapshot, 'acceptedAt' | 'startedAt' | 'endedAt'> {
    return {
      ...(this.#acceptedAt === undefined ? {} : { acceptedAt: this.#acceptedAt }),
      ...(this.#startedAt === undefined ? {} : { startedAt: this.#startedAt }),
      ...(this.#endedAt === undefined ? {} : { endedAt: this.#endedAt }),
    };
  }
}

type LaneEvent = Exclude<
  TurnEvent,
  {
    type:
      | 'turn.accepted'
      | 'turn.started'
      | 'turn.waiting'
      | 'turn.resumed'
      | 'turn.ended'
      | 'notice'
      | 'unknown';
  }
>;

/** A part, and its view until it changes. */
interface PartCell {
  part: Mutable<PartView>;
  view: PartView | undefined;
}

interface SourceCell {
  readonly step: number;
  readonly source: number;
  readonly from: Source;
}

interface CallCell {
  readonly step: number;
  view: CallView;
}

class LaneFold {
  readonly #turn: string;
  readonly #ref: LaneRef;
  #model: string;
  #state: LaneState = 'pending';
  #attempt = 0;
  #step = 0;
  #attempts: AttemptView[] = [];
  #parts: PartCell[] = [];
  #calls: CallCell[] = [];
  #sources: SourceCell[] = [];
  #usage: Usage = NO_USAGE;
  #finish: Finish | undefined;
  #error: Failure | undefined;
  #notice: { code: string; text: string } | undefined;
  #view: LaneView | undefined;

  constructor(turn: string, ref: LaneRef) {
    this.#turn = turn;
    this.#ref = ref;
    this.#model = ref.model;
  }

  static from(turn: string, lane: SnapshotLane): LaneFold {
    const fold = new LaneFold(turn, lane);
    fold.#state = lane.state;
    fold.#attempt = lane.attempt;
    fold.#parts = lane.parts.map((part) => ({ part: { ...part }, view: undefined }));
    fold.#sources = (lane.sources ?? []).map(({ source, step, ...from }) => ({
      step,
      source,
      from,
    }));
    fold.#calls = (lane.calls ?? []).map(({ step, ...call }) => ({
      step,
      view: { ...call, after: lane.parts.filter((part) => part.step <= step).length },
    }));
    fold.#step = Math.max(
      0,
      ...lane.parts.map((part) => part.step),
      ...fold.#calls.map((call) => call.step),
      ...fold.#sources.map((source) => source.step),
    );
    fold.#attempts = [...(lane.attempts ?? [])];
    if (lane.attempt > 0 && !fold.#attempts.some((one) => one.attempt === lane.attempt)) {
      const { attempt, model } = lane;
      fold.#attempts = [...fold.#attempts, { attempt, step: fold.#step, model }];
    }
    fold.#usage = lane.usage;
    fold.#finish = lane.finish;
    fold.#error = lane.error;
    return fold;
  }

  notice(code: string, text: string): void {
    this.#notice = { code, text };
    this.#view = undefined;
  }

  take(event: LaneEvent): void {
    this.#notice = undefined;
    this.#view = undefined;
    switch (event.type) {
      case 'attempt.started':
        this.#begin(event.step, {
          attempt: event.attempt,
          step: event.step,
          model: event.model,
          ...(event.reason === undefined ? {} : { reason: event.reason }),
        });
        return;
      case 'part.started':
        this.#step = this.#stepNow();
        this.#parts.push({
          part: { part: event.part, step: this.#step, kind: event.kind, text: '', ended: false },
          view: undefined,
        });
        return;
      case 'part.delta': {
        const cell = this.#part(event.part);
        cell.part.text += event.text;
        cell.view = undefined;
        return;
      }
      case 'part.ended': {
        const cell = this.#part(event.part);
        cell.part.ended = true;
        cell.view = undefined;
        return;
      }
      case 'source':
        this.#step = this.#stepNow();
        this.#sources = [
          ...this.#sources,
          { step: this.#step, source: event.source, from: event.from },
        ];
        return;
      case 'usage':
        this.#usage = plus(this.#usage, event);
        return;
      case 'step.ended':
        return;
      case 'lane.ended':
        this.#state = event.state;
        this.#finish = event.finish;
        this.#error = event.error;
        return;
      default:
        this.#takeCall(event);
    }
  }

  /** Everything that this step and later ones had streamed is void, and nothing else. */
  #begin(step: number, attempt: AttemptView): void {
    this.#attempt = attempt.attempt;
    this.#attempts = [...this.#attempts, attempt];
    this.#model = attempt.model;
    this.#state = 'streaming';
    this.#step = step;
    this.#finish = undefined;
    this.#error = undefined;
    this.#parts = this.#parts.filter((cell) => cell.part.step < step);
    this.#calls = this.#calls.filter((cell) => cell.step < step);
    this.#sources = this.#sources.filter((cell) => cell.step < step);
  }

  #takeCall(event: Extract<LaneEvent, { call: string }>): void {
    switch (event.type) {
      case 'tool.called':
        this.#step = this.#stepNow();
        this.#calls.push({
          step: this.#step,
          view: {
            call: event.call,
            tool: event.tool,
            input: event.input,
            after: this.#parts.length,
          },
        });
        return;
      case 'tool.waiting': {
        const cell = this.#call(event.call);
        const { for: reason, inputHash, until } = event;
        cell.view = {
          ...cell.view,
          waiting: {
            for: reason,
            ...(inputHash === undefined ? {} : { inputHash }),
            ...(until === undefined ? {} : { until }),
          },
        };
        this.#state = 'waiting';
        return;
      }
      case 'tool.decided':
        this.#settle(event.call, {});
        return;
      case 'tool.returned':
        this.#settle(event.call, {
          ...(event.output === undefined ? {} : { output: event.output }),
          ...(event.error === undefined ? {} : { error: event.error }),
        });
    }
  }

  #settle(call: string, outcome: Partial<CallView>): void {
    const cell = this.#call(call);
    const { waiting: _, ...rest } = cell.view;
    cell.view = { ...rest, ...outcome };
    if (this.#state === 'waiting' && !this.#calls.some((other) => other.view.waiting)) {
      this.#state = 'streaming';
    }
  }

  /**
   * The step that is under way. A snapshot that was made right after a step had begun does not say
   * so; but once all calls of a step have returned, whatever comes belongs to the next one.
   */
  #stepNow(): number {
    const calls = this.#calls.filter((cell) => cell.step === this.#step);
    const over = calls.every(({ view }) => view.output !== undefined || view.error !== undefined);
    return calls.length > 0 && over ? this.#step + 1 : this.#step;
  }

  /** The newest part of a number: the last ones are asked for, so this is quick. */
  #part(number: number): PartCell {
    const cell = this.#parts.findLast((other) => other.part.part === number);
    if (cell === undefined) {
      throw new FoldError(`Lane ${this.#ref.lane} of ${this.#turn} has no part ${number}.`);
    }
    return cell;
  }

  #call(id: string): CallCell {
    const cell = this.#calls.find((other) => other.view.call === id);
    if (cell === undefined) {
      throw new FoldError(`Lane ${this.#ref.lane} of ${this.#turn} has no call ${id}.`);
    }
    return cell;
  }

  view(): LaneView {
    this.#view ??= {
      turn: this.#turn,
      lane: this.#ref.lane,
      message: this.#ref.message,
      model: this.#model,
      state: this.#state,
      attempt: this.#attempt,
      attempts: this.#attempts,
      parts: this.#parts.map((cell) => {
        cell.view ??= { ...cell.part };
        return cell.view;
      }),
      calls: this.#calls.map((cell) => cell.view),
      sources: this.#sources.map((cell) => cell.from),
      usage: this.#usage,
      ...(this.#finish === undefined ? {} : { finish: this.#finish }),
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...(this.#notice === undefined ? {} : { notice: this.#notice }),
    };
    return this.#view;
  }

  snapshot(): SnapshotLane {
    const again = this.#attempts.filter((one) => one.reason !== undefined);
    return {
      lane: this.#ref.lane,
      message: this.#ref.message,
      model: this.#model,
      state: this.#state,
      attempt: this.#attempt,
      ...(again.length === 0 ? {} : { attempts: again }),
      parts: this.#parts.map((cell) => ({ ...cell.part })),
      ...(this.#sources.length === 0
        ? {}
        : {
            sources: this.#sources.map(({ step, source, from }) => ({ source, step, ...from })),
          }),
      calls: this.#calls.map(({ step, view: { after: _, ...call } }) => ({ step, ...call })),
      usage: this.#usage,
      ...(this.#finish === undefined ? {} : { finish: this.#finish }),
      ...(this.#error === undefined ? {} : { error: this.#error }),
    };
  }
}

function plus(one: Usage, other: Usage): Usage {
  return {
    input: one.input + other.input,
    output: one.output + other.output,
    reasoning: one.reasoning + other.reasoning,
    cached: one.cached + other.cached,
  };
}

/** The text of a reply: its parts of the kind `text`, joined. */
export function textOf(lane: Pick<LaneView, 'parts'>): string {
  return lane.parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');
}
