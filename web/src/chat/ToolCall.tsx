import type { Answer, CallView, Json } from '@perdure/client';
import { Check, CircleAlert, Wrench } from 'lucide-react';
import { useState } from 'react';
import { fullTime } from '../ui/words.ts';
import type { Actions } from './Thread.tsx';

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
  return (
    <section
      className={`tool${waits === undefined ? '' : ' asks'}`}
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
            <Wrench size={14} aria-hidden="true" />
          )}
          <span className="grow cut">{call.tool}</span>
          <span className="tiny">{stateText(call, waits !== undefined, live)}</span>
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
        <Question call={call} waits={waits} answer={(answer) => actions.answer(turn, answer)} />
      )}
      {waits !== undefined && actions === undefined && (
        <p className="note">Waits for the owner of this chat.</p>
      )}
    </section>
  );
}

function stateText(call: CallView, waits: boolean, live: boolean): string {
  if (waits) {
    return 'needs you';
  }
  if (call.error !== undefined) {
    return call.error.code.replaceAll('_', ' ');
  }
  return call.output !== undefined ? 'done' : live ? 'running' : 'not finished';
}

const ASKS: Record<string, string> = {
  approval: 'May this be done?',
  client: 'The reply goes on with the result of this call. What came out?',
  attention: 'This was cut short and may already have had its effect. What is true?',
  time: 'The reply goes on by itself.',
};

function Question(props: {
  call: CallView;
  waits: NonNullable<CallView['waiting']>;
  answer: (answer: Answer) => Promise<void>;
}) {
  const { call, waits } = props;
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const asked = waits.for === 'input';
  const withResult = waits.for === 'client' || waits.for === 'attention' || asked;
  const { question, choices, form = true } = asked ? questionOf(call.input) : {};

  function give(decision: Answer['decision'], said = text.trim()) {
    setBusy(true);
    setProblem(undefined);
    const more =
      decision === 'done'
        ? { output: form ? asJson(said) : said }
        : said === ''
          ? {}
          : { reason: said };
    props
      .answer({
        call: call.call,
        decision,
        ...more,
        ...(waits.inputHash === undefined ? {} : { inputHash: waits.inputHash }),
      })
      .catch((error: Error) => setProblem(error.message))
      .finally(() => setBusy(false));
  }

  return (
    <div className="question">
      <p>
        {question ?? ASKS[waits.for] ?? 'This waits for an answer.'}
        {waits.until !== undefined && <span className="tiny"> Until {fullTime(waits.until)}.</span>}
      </p>
      {waits.for !== 'time' && choices === undefined && (
        <input
          className="field"
          aria-label={
            asked
              ? 'Answer'
              : withResult
                ? 'Result, or why it failed'
                : 'Reason, which the model is told'
          }
          placeholder={
            asked
              ? 'Answer'
              : withResult
                ? 'Result, or why it failed'
                : 'Reason (the model is told)'
          }
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      )}
      <div className="row wrap">
        {waits.for === 'approval' && (
          <>
            <button
              type="button"
              className="button small primary"
              disabled={busy}
              onClick={() => give('approve')}
            >
              Allow
            </button>
            <button
              type="button"
              className="button small"
              disabled={busy}
              onClick={() => give('refuse')}
            >
              Refuse
            </button>
          </>
        )}
        {choices?.map((choice) => (
          <button
            key={choice}
            type="button"
            className="button small"
            disabled={busy}
            onClick={() => give('done', choice)}
          >
            {choice}
          </button>
        ))}
        {withResult && choices === undefined && (
          <button
            type="button"
            className="button small primary"
            disabled={busy}
            onClick={() => give('done')}
          >
            {asked ? 'Answer' : 'It is done'}
          </button>
        )}
        {waits.for === 'attention' && (
          <button
            type="button"
            className="button small"
            disabled={busy}
            onClick={() => give('repeat')}
          >
            Do it again
          </button>
        )}
        {withResult && (
          <button
            type="button"
            className="button small"
            disabled={busy}
            onClick={() => give(asked ? 'refuse' : 'fail')}
          >
            {asked ? 'Decline' : 'It failed'}
          </button>
        )}
      </div>
      {problem !== undefined && (
        <p className="refusal" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

/** What the model asks, and the answers that it offers. */
function questionOf(input: Json): {
  question?: string;
  choices?: readonly string[];
  form?: boolean;
} {
  if (input === null || typeof input !== 'object' || Array.isArray(input)) {
    return {};
  }
  const { question, choices, form } = input as Readonly<Record<string, Json>>;
  return {
    form: form !== undefined,
    ...(typeof question === 'string' ? { question } : {}),
    ...(Array.isArray(choices) && choices.every((each) => typeof each === 'string')
      ? { choices: choices.filter((each) => typeof each === 'string') }
      : {}),
  };
}

/** JSON if it is, else the text itself. */
function asJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
