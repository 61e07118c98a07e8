import { ArrowLeft } from 'lucide-react';
import { useEffect, useState } from 'react';
import { request } from '../app/http.ts';
import { go } from '../app/router.ts';
import { clockTime, count, duration, fullTime } from '../ui/words.ts';
import { CallsPart } from './CallsPart.tsx';
import './operator.css';

interface Spread {
  readonly median: number;
  readonly p95: number;
}

interface Operator {
  readonly at: number;
  readonly nodes: readonly {
    node: string;
    version: string;
    startedAt: number;
    leaseMillis: number;
    running: number;
  }[];
  readonly open: Readonly<Record<string, number>>;
  readonly ended: Readonly<Record<string, number>>;
  readonly waitedMillis?: Spread;
  readonly tookMillis?: Spread;
  readonly queue: { length: number; maxLength: number; oldestWaitMillis: number };
  readonly models: readonly {
    model: string;
    circuit: 'closed' | 'open' | 'probing';
    calls: number;
    failures: number;
    firstWordMillis?: Spread;
  }[];
}

const EVERY_MILLIS = 2_000;
const CIRCUITS = { closed: 'in use', open: 'resting after failures', probing: 'being tried again' };

/** What the server does now, for whoever runs it. */
export default function OperatorPage() {
  const [now, setNow] = useState<Operator>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    let over = false;
    let timer: ReturnType<typeof setTimeout>;
    const load = async () => {
      try {
        const next = (await request('GET', '/v1/operator')) as Operator;
        if (!over) {
          setNow(next);
          setProblem(undefined);
        }
      } catch (error) {
        if (!over) {
          setProblem(error instanceof Error ? error.message : String(error));
        }
      }
      if (!over) {
        timer = setTimeout(() => void load(), EVERY_MILLIS);
      }
    };
    document.title = 'What the server is doing · Perdure';
    void load();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, []);
  return (
    <main className="main">
      <header className="bar">
        <button
          type="button"
          className="button quiet icon"
          aria-label="Back to the chats"
          onClick={() => go('/')}
        >
          <ArrowLeft size={18} />
        </button>
        <h1 className="grow">What the server is doing</h1>
        {now !== undefined && <span className="tiny figures-at">{clockTime(now.at)}</span>}
      </header>
      {problem !== undefined && (
        <div className="banner bad" role="alert">
          {problem}
        </div>
      )}
      <div className="operator">
        {now !== undefined && <Figures now={now} />}
        {now !== undefined && <CallsPart />}
      </div>
    </main>
  );
}

function Figure(props: { label: string; value: string; more?: string }) {
  return (
    <div className="figure">
      <dt>{props.label}</dt>
      <dd>
        {props.value}
        {props.more !== undefined && <span className="tiny">{props.more}</span>}
      </dd>
    </div>
  );
}

const times = (spread: Spread | undefined) =>
  spread === undefined ? '–' : duration(spread.median);
const slow = (spread: Spread | undefined) =>
  spread === undefined ? '' : `1 in 20 over ${duration(spread.p95)}`;

function Figures({ now }: { now: Operator }) {
  const ended = Object.values(now.ended).reduce((sum, each) => sum + each, 0);
  const failed = now.ended.failed ?? 0;
  return (
    <>
      <div className="part">
        <h2 id="turns">Turns</h2>
        <dl className="figures">
          <Figure label="Running" value={count(now.open.running ?? 0)} />
          <Figure label="Waiting for people" value={count(now.open.waiting ?? 0)} />
          <Figure
            label="In the queue"
            value={count(now.queue.length)}
            more={
              now.queue.length > 0
                ? `oldest ${duration(now.queue.oldestWaitMillis)}`
                : `room for ${count(now.queue.maxLength)}`
            }
          />
          <Figure
            label="Failed"
            value={
              ended === 0 ? '–' : `${((100 * failed) / ended).toFixed(failed === 0 ? 0 : 1)} %`
            }
            more={`of the last ${count(ended)}`}
          />
          <Figure
            label="Waited to begin"
            value={times(now.waitedMillis)}
            more={slow(now.waitedMillis)}
          />
          <Figure label="Took" value={times(now.tookMillis)} more={slow(now.tookMillis)} />
        </dl>
      </div>
      <div className="part">
        <h2 id="models">Models</h2>
        {now.models.length === 0 ? (
          <p className="soft">
            No vendor's model has been called by this node yet. The demo model is not watched.
          </p>
        ) : (
          <section className="scroll" tabIndex={0} aria-labelledby="models">
            <table>
              <thead>
                <tr>
                  <th scope="col">Model</th>
                  <th scope="col">State</th>
                  <th scope="col" className="to-right">
                    Failed
                  </th>
                  <th scope="col" className="to-right">
                    First word
                  </th>
                  <th scope="col" className="to-right">
                    1 in 20 over
                  </th>
                </tr>
              </thead>
              <tbody>
                {now.models.map((each) => (
                  <tr key={each.model}>
                    <td>{each.model}</td>
                    <td>
                      <span className={`circuit ${each.circuit}`}>{CIRCUITS[each.circuit]}</span>
                    </td>
                    <td className="to-right">
                      {each.calls === 0 ? '–' : `${count(each.failures)} of ${count(each.calls)}`}
                    </td>
                    <td className="to-right">{times(each.firstWordMillis)}</td>
                    <td className="to-right">
                      {each.firstWordMillis === undefined
                        ? '–'
                        : duration(each.firstWordMillis.p95)}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        )}
      </div>
      <div className="part">
        <h2 id="nodes">Nodes</h2>
        <section className="scroll" tabIndex={0} aria-labelledby="nodes">
          <table>
            <thead>
              <tr>
                <th scope="col">Node</th>
                <th scope="col">Version</th>
                <th scope="col">Since</th>
                <th scope="col" className="to-right">
                  Running
                </th>
                <th scope="col">Lease</th>
              </tr>
            </thead>
            <tbody>
              {now.nodes.map((each) => (
                <tr key={each.node}>
                  <td className="mono">{each.node}</td>
                  <td>{each.version}</td>
                  <td>{fullTime(each.startedAt)}</td>
                  <td className="to-right">{count(each.running)}</td>
                  <td>
                    {each.leaseMillis < 0 ? <span className="circuit open">lapsed</span> : 'held'}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </div>
    </>
  );
}
