/**
 * Between a reply that is stored and one that is live: the same reply, in the shape of the other.
 */

import type { LaneView } from './views.ts';
import { isTerminal, type LaneState, type Message, type MessageStatus, sourceOf } from './wire.ts';

/** A stored reply in the same shape as a live one. */
export function laneOf(message: Message, lane: number): LaneView {
  return {
    turn: message.turn,
    lane,
    message: message.id,
    model: message.model ?? '',
    state: laneState(message.status),
    attempt: message.attempts?.at(-1)?.attempt ?? (message.status === 'pending' ? 0 : 1),
    attempts: message.attempts ?? [],
    parts: message.parts
      .filter((part) => part.type !== 'source')
      .map((part, number) => ({
        part: number,
        step: 0,
        kind: part.type,
        text: part.text,
        ended: true,
      })),
    calls: message.tools ?? [],
    sources: message.parts
      .filter((part) => part.type === 'source')
      .flatMap((part) => sourceOf(part) ?? []),
    ...(message.usage === undefined ? {} : { usage: message.usage }),
    ...(message.finish === undefined ? {} : { finish: message.finish }),
    ...(message.error === undefined ? {} : { error: message.error }),
  };
}

/** What the server stores of a reply at its end, which a lane's state amounts to. */
export function storedOf(message: Message, lane: LaneView, at: number): Message {
  const { tools: _, attempts: _attempts, finish: __, error: ___, ...rest } = message;
  const again = lane.attempts.filter((one) => one.reason !== undefined);
  return {
    ...rest,
    status: statusOf(lane.state),
    model: lane.model,
    parts: [
      ...lane.parts.map((part) => ({ type: part.kind, text: part.text })),
      ...lane.sources.map((source) => ({ type: 'source', text: '', ...source })),
    ],
    ...(lane.calls.length === 0
      ? {}
      : { tools: lane.calls.map(({ waiting: _waiting, ...call }) => call) }),
    ...(again.length === 0 ? {} : { attempts: again }),
    ...(lane.usage === undefined ? {} : { usage: lane.usage }),
    ...(lane.finish === undefined ? {} : { finish: lane.finish }),
    ...(lane.error === undefined ? {} : { error: lane.error }),
    updatedAt: isTerminal(lane.state) ? at : message.updatedAt,
  };
}

function laneState(status: MessageStatus): LaneState {
  return status === 'complete' ? 'completed' : status;
}

function statusOf(state: LaneState): MessageStatus {
  switch (state) {
    case 'completed':
      return 'complete';
    case 'waiting':
      return 'streaming';
    default:
      return state;
  }
}
