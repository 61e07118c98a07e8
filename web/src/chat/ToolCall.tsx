import type { CallView, Json } from '@perdure/client';
import { Check, CircleAlert, Clock, Wrench } from 'lucide-react';
import { lazy, Suspense } from 'react';
import { unloaded } from '../ui/Unloaded.tsx';
import type { Actions } from './Thread.tsx';

/** Seldom needed, so it is fetched when something is asked. */
const Question = lazy(() => import('./Question.tsx').catch(unloaded));

const MAX_SHOWN_CHARS = 20_000;

function pretty(value: Json): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  return text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}\n…` : text;
}

/** A call of a tool: folded once it is over, and asking while it waits for somebody. */
export function ToolCall(props: {
  call: CallView;
  turn: string;
  live: boolean;
  actions: Actions | undefined;
}) {
  const { call, live, actions, turn } = props;
  const waits = live ? call.waiting : undefined;
  const done = call.output !== undefined;
  const Icon = waits?.for === 'time' ? Clock : Wrench;
  return (
    <section
      className={`tool${waits === undefined || waits.for === 'time' ? '' : ' asks'}`}
      aria-label={`Tool ${call.tool}`}
    >
      {/* What is asked in words is said below in words. */}
      <details open={waits !== undefined && waits.for !== 'input' && waits.for !== 'time'}>
        <summary>
          {done ? (
            <Check size={14} aria-hidden="true" />
          ) : call.error !== undefined ? (
            <CircleAlert size={14} aria-hidden="true" />
          ) : (
            <Icon size={14} aria-hidden="true" />
          )}
          <span className="grow cut">{NAMES[call.tool] ?? call.tool}</span>
          <span className="tiny">{stateText(call, waits?.for, live)}</span>
        </summary>
        <pre tabIndex={0}>{pretty(call.input)}</pre>
        {call.output !== undefined && (
          <>
            <p className="tiny">Result</p>
            <pre tabIndex={0}>{pretty(call.output)}</pre>
          </>
        )}
        {call.error !== undefined && <p className="note">{call.error.text}</p>}
      </details>
      {waits !== undefined && actions !== undefined && (
        <Suspense fallback={<div className="question" />}>
          <Question call={call} waits={waits} answer={(answer) => actions.answer(turn, answer)} />
        </Suspense>
      )}
      {waits !== undefined && actions === undefined && (
        <p className="note">Waits for the owner of this chat.</p>
      )}
    </section>
  );
}

/** Tools of the server that are no tools for people. */
const NAMES: Readonly<Record<string, string>> = { ask_user: 'Question', wait: 'Pause' };

function stateText(call: CallView, waitsFor: string | undefined, live: boolean): string {
  if (waitsFor !== undefined) {
    return waitsFor === 'time' ? 'goes on later' : 'needs you';
  }
  if (call.error !== undefined) {
    return call.error.code.replaceAll('_', ' ');
  }
  return call.output !== undefined ? 'done' : live ? 'running' : 'not finished';
}
