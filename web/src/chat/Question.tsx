import type { Answer, CallView, Json } from '@perdure/client';
import { type FormEvent, useId, useState } from 'react';
import { fullTime } from '../ui/words.ts';
import { asJson, type Field, fieldsOf, filledIn } from './form.ts';

const ASKS: Readonly<Record<string, string>> = {
  approval: 'May this be done?',
  client: 'The reply goes on with the result of this call. What came out?',
  attention: 'This was cut short and may already have had its effect. What is true?',
  time: 'The reply goes on by itself.',
};

/** What a call waits for, and the ways to answer. */
export default function Question(props: {
  readonly call: CallView;
  readonly waits: NonNullable<CallView['waiting']>;
  readonly answer: (answer: Answer) => Promise<void>;
}) {
  const { call, waits } = props;
  const [text, setText] = useState('');
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const asked = waits.for === 'input';
  const withResult = waits.for === 'client' || waits.for === 'attention' || asked;
  const { question, choices, fields } = asked ? questionOf(call.input) : {};
  const label = asked
    ? 'Answer'
    : withResult
      ? 'Result, or why it failed'
      : 'Reason (the model is told)';

  function give(decision: Answer['decision'], output?: Json) {
    setBusy(true);
    setProblem(undefined);
    const said = text.trim();
    const more =
      output !== undefined
        ? { output }
        : decision === 'done' || said === ''
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

  function submit(event: FormEvent) {
    event.preventDefault();
    if (waits.for === 'approval') {
      give('approve');
    } else if (fields !== undefined) {
      give('done', filledIn(fields, values));
    } else {
      give('done', asked ? text.trim() : asJson(text.trim()));
    }
  }

  const button = (face: string, decision: Answer['decision'], output?: Json) => (
    <button
      key={face}
      type="button"
      className={decision === 'refuse' ? 'button small quiet' : 'button small'}
      dir="auto"
      disabled={busy}
      onClick={() => give(decision, output)}
    >
      {face}
    </button>
  );
  return (
    <form className="question" onSubmit={submit}>
      <p>
        <bdi>{question ?? ASKS[waits.for] ?? 'This waits for an answer.'}</bdi>
        {waits.until !== undefined && <span className="tiny"> Until {fullTime(waits.until)}.</span>}
      </p>
      {fields?.map((field) => (
        <Entry
          key={field.name}
          field={field}
          value={values[field.name] ?? field.initial}
          onChange={(value) => setValues({ ...values, [field.name]: value })}
        />
      ))}
      {waits.for !== 'time' && choices === undefined && fields === undefined && (
        <input
          className="field"
          dir="auto"
          aria-label={label}
          placeholder={label}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      )}
      {waits.for !== 'time' && (
        <div className="row wrap">
          {choices?.map((choice) => button(choice, 'done', choice))}
          {choices === undefined && (
            <button type="submit" className="button small primary" disabled={busy}>
              {waits.for === 'approval' ? 'Allow' : asked ? 'Answer' : 'It is done'}
            </button>
          )}
          {waits.for === 'approval' && button('Refuse', 'refuse')}
          {waits.for === 'attention' && button('Do it again', 'repeat')}
          {asked && button('Decline', 'refuse')}
          {withResult && !asked && button('It failed', 'fail')}
        </div>
      )}
      {problem !== undefined && (
        <p className="refusal" role="alert">
          {problem}
        </p>
      )}
    </form>
  );
}

/** One thing that a form asks for. */
function Entry(props: { field: Field; value: string; onChange: (value: string) => void }) {
  const { field, value, onChange } = props;
  const id = useId();
  if (field.kind === 'flag') {
    return (
      <label className="flag">
        <input
          type="checkbox"
          checked={value === 'true'}
          onChange={(event) => onChange(String(event.target.checked))}
        />
        <bdi>{field.label}</bdi>
      </label>
    );
  }
  return (
    <div className="entry">
      <label htmlFor={id}>
        <bdi>{field.label}</bdi>
      </label>
      {field.choices === undefined ? (
        <input
          id={id}
          className="field"
          dir="auto"
          type={field.kind === 'number' ? 'number' : 'text'}
          step="any"
          required={field.required}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      ) : (
        <select
          id={id}
          className="field"
          required={field.required}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        >
          <option value="" />
          {field.choices.map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      )}
      {field.help !== undefined && <span className="tiny">{field.help}</span>}
    </div>
  );
}

/** What the model asks, and the answers that it offers or the form that it wants filled in. */
function questionOf(input: Json): {
  question?: string;
  choices?: readonly string[];
  fields?: readonly Field[];
} {
  if (input === null || typeof input !== 'object' || Array.isArray(input)) {
    return {};
  }
  const { question, choices, form } = input as Readonly<Record<string, Json>>;
  const fields = fieldsOf(form);
  return {
    ...(typeof question === 'string' ? { question } : {}),
    ...(fields === undefined ? {} : { fields }),
    ...(Array.isArray(choices) && choices.every((each) => typeof each === 'string')
      ? { choices: choices.filter((each) => typeof each === 'string') }
      : {}),
  };
}
