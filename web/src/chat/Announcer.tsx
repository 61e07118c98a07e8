import type { Entry } from '@perdure/client';
import { useEffect, useRef, useState } from 'react';
import { shortModel } from '../ui/words.ts';

const FIRST_WORDS = 160;

/** Tells a screen reader that a reply begins, asks and ends; never its words one by one. */
export function Announcer({ branch }: { branch: readonly Entry[] }) {
  const last = branch[branch.length - 1];
  const reply = last?.kind === 'reply' ? last : undefined;
  const before = useRef<string>(undefined);
  const [said, setSaid] = useState('');
  const now =
    reply === undefined
      ? ''
      : `${reply.turn ?? ''} ${reply.state} ${reply.lanes.map((lane) => lane.state).join(' ')}`;
  useEffect(() => {
    // What was there when the page was opened is no news.
    if (before.current !== undefined && before.current !== now && reply !== undefined) {
      setSaid(textOf(reply));
    }
    before.current = now;
  }, [now, reply]);
  return (
    <div className="hidden-text" role="log" aria-live="polite">
      {said}
    </div>
  );
}

function textOf(reply: Extract<Entry, { kind: 'reply' }>): string {
  const words = (lane: (typeof reply.lanes)[number]) =>
    lane.parts
      .filter((part) => part.kind === 'text')
      .map((part) => part.text)
      .join('')
      .slice(0, FIRST_WORDS);
  switch (reply.state) {
    case 'scheduled':
      return 'The message waits for its time.';
    case 'queued':
      return 'The message is accepted.';
    case 'running':
      return 'A reply is being written.';
    case 'waiting':
      return 'The reply needs an answer of yours.';
    case 'cancelled':
      return 'The reply was stopped.';
    case 'failed':
      return 'The reply could not be completed.';
    case 'completed':
      return reply.lanes.length > 1
        ? `All replies are done: ${reply.lanes.map((lane) => `${shortModel(lane.model)} ${lane.state}`).join(', ')}.`
        : `The reply is done. ${reply.lanes[0] === undefined ? '' : words(reply.lanes[0])}`;
  }
}
