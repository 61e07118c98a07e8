import type { LaneView, ReplyEntry, Source } from '@perdure/client';
import { Check, Copy, FileText, Globe, RefreshCw, RotateCw, Square } from 'lucide-react';
import { memo, useState } from 'react';
import { Markdown } from '../markdown/Markdown.tsx';
import { count, duration, reasonText, shortModel } from '../ui/words.ts';
import { Branches } from './Branches.tsx';
import type { Actions } from './Thread.tsx';
import { ToolCall } from './ToolCall.tsx';

interface Props {
  readonly entry: ReplyEntry;
  readonly actions: Actions | undefined;
  readonly onError: (text: string) => void;
}

const over = (state: string) =>
  state === 'completed' || state === 'failed' || state === 'cancelled';

/** What answers a message: one reply, or the replies of several models side by side. */
export function Reply({ entry, actions, onError }: Props) {
  const compared = entry.lanes.length > 1;
  const { userMessage, localId } = entry;
  const time = entry.endedAt === undefined ? undefined : entry.endedAt - entry.createdAt;
  return (
    <article
      className={compared ? 'reply compared' : 'reply'}
      aria-label={compared ? 'Replies' : 'Reply'}
      aria-busy={!over(entry.state)}
    >
      <h2 className="hidden-text">{compared ? 'Several models answered' : 'The model answered'}</h2>
      {entry.delivery === 'refused' && localId !== undefined ? (
        <div className="refusal" role="alert">
          <p>{entry.error?.text ?? 'It was not accepted.'}</p>
          <button type="button" className="button small" onClick={() => actions?.resend(localId)}>
            <RotateCw size={14} aria-hidden="true" /> Ask again
          </button>
        </div>
      ) : entry.lanes.length === 0 ? (
        <Working state={entry.state} />
      ) : (
        <div className={`lanes of-${entry.lanes.length}`}>
          {entry.lanes.map((lane) => (
            <Lane
              key={lane.lane}
              lane={lane}
              compared={compared}
              turn={entry.state}
              actions={actions}
              onError={onError}
            />
          ))}
        </div>
      )}
      {over(entry.state) && (
        <div className="under">
          <Branches siblings={entry.siblings} select={actions?.select} what="replies" />
          {!compared && entry.lanes[0] !== undefined && <CopyText lane={entry.lanes[0]} />}
          {actions !== undefined && userMessage !== undefined && (
            <button
              type="button"
              className="button quiet small icon"
              aria-label="Answer again"
              title="Answer again"
              onClick={() =>
                actions.regenerate(
                  userMessage,
                  entry.lanes.map((lane) => lane.model),
                )
              }
            >
              <RefreshCw size={14} />
            </button>
          )}
          {!compared && entry.lanes[0] !== undefined && <Facts lane={entry.lanes[0]} time={time} />}
          {compared && time !== undefined && (
            <span className="tiny all-after">all after {duration(time)}</span>
          )}
        </div>
      )}
    </article>
  );
}

function Working({ state }: { state: string }) {
  return (
    <p className="working soft">
      {state === 'queued' ? 'Waiting for its turn' : 'Waiting for the first word'}
    </p>
  );
}

const Lane = memo(function Lane(props: {
  lane: LaneView;
  compared: boolean;
  turn: string;
  actions: Actions | undefined;
  onError: (text: string) => void;
}) {
  const { lane, compared, actions, onError } = props;
  const live = !over(lane.state);
  const failed = (error: Error) => onError(error.message);
  const empty = lane.parts.length === 0 && lane.calls.length === 0;
  return (
    <section
      className={compared ? `card ${lane.state}` : 'lane'}
      aria-label={compared ? lane.model : undefined}
    >
      {compared && (
        <header className="card-head">
          <span className={`state ${live ? 'running' : lane.state}`} aria-hidden="true" />
          <h3 className="cut grow" title={lane.model}>
            {shortModel(lane.model)}
          </h3>
          <span className="tiny">{LANE_STATES[lane.state]}</span>
          {live && actions !== undefined && (
            <button
              type="button"
              className="button quiet small icon"
              aria-label={`Stop ${lane.model}`}
              title="Stop this one"
              onClick={() => void actions.cancelLane(lane.turn, lane.lane).catch(failed)}
            >
              <Square size={12} fill="currentColor" />
            </button>
          )}
          {!live && !empty && <CopyText lane={lane} />}
        </header>
      )}
      <div className={compared ? 'card-body' : undefined}>
        <Attempts lane={lane} />
        <Content lane={lane} live={live} actions={actions} />
        {!live && <Sources sources={lane.sources} />}
        {empty && live && (
          <Working
            state={lane.state === 'pending' && props.turn === 'queued' ? 'queued' : 'running'}
          />
        )}
        {lane.state === 'cancelled' && <p className="note">Stopped.</p>}
        {lane.finish === 'length' && (
          <p className="note">Cut off here: the reply has reached the model's limit.</p>
        )}
        {lane.finish === 'content_filter' && (
          <p className="note">Ended by the provider's content filter.</p>
        )}
        {lane.state === 'failed' && (
          <div className="refusal">
            <p>
              This reply could not be completed
              {lane.error === undefined ? '' : `: ${lane.error.text}`}
            </p>
            {actions !== undefined && (
              <button
                type="button"
                className="button small"
                onClick={() => void actions.retryLane(lane.turn, lane.lane).catch(failed)}
              >
                <RotateCw size={14} aria-hidden="true" /> Try again
              </button>
            )}
          </div>
        )}
        {lane.state === 'cancelled' && actions !== undefined && (
          <button
            type="button"
            className="button small"
            onClick={() => void actions.retryLane(lane.turn, lane.lane).catch(failed)}
          >
            <RotateCw size={14} aria-hidden="true" /> Try again
          </button>
        )}
      </div>
      {compared && !live && !empty && (
        <footer className="card-foot">
          <Facts lane={lane} time={undefined} />
        </footer>
      )}
    </section>
  );
});

const LANE_STATES: Record<LaneView['state'], string> = {
  pending: 'waiting',
  streaming: 'writing',
  waiting: 'asks',
  completed: 'done',
  failed: 'failed',
  cancelled: 'stopped',
};

/** Parts and calls of tools in the order in which they came. */
function Content({
  lane,
  live,
  actions,
}: {
  lane: LaneView;
  live: boolean;
  actions: Actions | undefined;
}) {
  const calls = (after: number) =>
    lane.calls
      .filter((call) => call.after === after)
      .map((call) => (
        <ToolCall key={call.call} call={call} turn={lane.turn} live={live} actions={actions} />
      ));
  return (
    <>
      {calls(0)}
      {lane.parts.map((part, index) => {
        const growing = live && !part.ended && index === lane.parts.length - 1;
        return (
          <div key={part.part}>
            {part.kind === 'reasoning' ? (
              <details className="reasoning">
                <summary>{growing ? 'Thinking' : 'Thoughts'}</summary>
                <Markdown text={part.text} live={growing} />
              </details>
            ) : (
              <Markdown text={part.text} live={growing} />
            )}
            {calls(index + 1)}
          </div>
        );
      })}
    </>
  );
}

/** So many are shown at once; the others when they are asked for. */
const SOURCES = 6;

/** What the reply rests on, quietly. */
function Sources({ sources }: { sources: readonly Source[] }) {
  if (sources.length === 0) {
    return null;
  }
  const list = (from: number, to: number) => (
    <ol start={from + 1}>
      {sources.slice(from, to).map((source) => (
        <li key={source.url ?? source.document}>
          <SourceName source={source} />
        </li>
      ))}
    </ol>
  );
  return (
    <section className="sources" aria-label="Sources">
      <p aria-hidden="true">{sources.length === 1 ? 'Source' : `${sources.length} sources`}</p>
      {list(0, SOURCES)}
      {sources.length > SOURCES && (
        <details>
          <summary>Show {sources.length - SOURCES} more</summary>
          {list(SOURCES, sources.length)}
        </details>
      )}
    </section>
  );
}

/** The title is a stranger's word, so the host stands beside it. */
function SourceName({ source: { title, url } }: { source: Source }) {
  if (url === undefined) {
    return (
      <span className="source" title={title}>
        <FileText size={13} aria-hidden="true" />
        <bdi className="cut">{title}</bdi>
        <span className="tiny">document</span>
      </span>
    );
  }
  const { host } = new URL(url);
  return (
    <a className="source" href={url} title={url} target="_blank" rel="noopener noreferrer nofollow">
      <Globe size={13} aria-hidden="true" />
      <bdi className="cut">{title}</bdi>
      {title !== host && <span className="tiny cut">{host.replace(/^www\./, '')}</span>}
    </a>
  );
}

/** Failures on the way, said once and quietly. */
function Attempts({ lane }: { lane: LaneView }) {
  const later = lane.attempts.filter((attempt) => attempt.reason !== undefined);
  const last = later[later.length - 1];
  if (lane.notice !== undefined && !over(lane.state)) {
    return (
      <p className="note">
        {lane.notice.code === 'retrying' ? 'The provider failed. Trying again.' : lane.notice.text}
      </p>
    );
  }
  if (last === undefined) {
    return null;
  }
  // A step of a reply that uses tools begins with a first try of its own.
  const tries = 1 + later.filter((attempt) => attempt.step === last.step).length;
  return (
    <p
      className="note"
      title={
        later.length > 1 ? later.map((each) => reasonText(each.reason ?? '')).join('\n') : undefined
      }
    >
      {ordinal(tries)} try: {reasonText(last.reason ?? '')}
      {last.model !== lane.model ? `; ${shortModel(last.model)} answers` : ''}.
    </p>
  );
}

const ordinal = (value: number) =>
  ['First', 'Second', 'Third', 'Fourth', 'Fifth'][value - 1] ?? `${value}th`;

function Facts({ lane, time }: { lane: LaneView; time: number | undefined }) {
  const facts = [
    shortModel(lane.model),
    time === undefined ? '' : duration(time),
    lane.usage === undefined || lane.usage.output === 0 ? '' : `${count(lane.usage.output)} tokens`,
  ].filter((fact) => fact !== '');
  const usage =
    lane.usage === undefined
      ? lane.model
      : `${lane.model}\n${count(lane.usage.input)} tokens read (${count(lane.usage.cached)} from a cache)\n${count(lane.usage.output)} written (${count(lane.usage.reasoning)} of them thoughts)`;
  return (
    <span className="tiny facts" title={usage}>
      {facts.join(' · ')}
    </span>
  );
}

function CopyText({ lane }: { lane: LaneView }) {
  const [copied, setCopied] = useState(false);
  const text = lane.parts
    .filter((part) => part.kind === 'text')
    .map((part) => part.text)
    .join('');
  return (
    <button
      type="button"
      className="button quiet small icon"
      aria-label={copied ? 'Copied' : 'Copy the reply'}
      title="Copy"
      onClick={() => {
        navigator.clipboard.writeText(text).then(
          () => {
            setCopied(true);
            setTimeout(() => setCopied(false), 1500);
          },
          () => undefined,
        );
      }}
    >
      {copied ? <Check size={14} /> : <Copy size={14} />}
    </button>
  );
}
