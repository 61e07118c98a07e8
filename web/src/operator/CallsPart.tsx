import { useEffect, useState } from 'react';
import { request } from '../app/http.ts';
import { chatPath } from '../app/router.ts';
import { count, fullTime } from '../ui/words.ts';

interface AuditedCall {
  readonly call: string;
  readonly turn: string;
  readonly session?: string;
  readonly tenant: string;
  readonly owner: string;
  readonly own?: boolean;
  readonly tool: string;
  readonly effect?: 'read' | 'idempotent' | 'unsafe';
  readonly state?: string;
  readonly runs?: number;
  readonly createdAt: number;
  readonly undo?: { readonly state: 'due' | 'done' | 'failed' };
}

const EVERY_MILLIS = 10_000;
const PATH = '/v1/operator/calls';
const SHOWN = 20;

async function page(query: string): Promise<readonly AuditedCall[]> {
  const answer = await request('GET', `${PATH}?${query}&limit=${SHOWN}`);
  return (answer as { items: readonly AuditedCall[] }).items;
}

const wantsSomebody = (each: AuditedCall) =>
  each.state === 'attention' || each.undo?.state === 'failed';

/** What needs somebody first, then the newest; none twice. */
async function calls(): Promise<readonly AuditedCall[]> {
  const pages = await Promise.all([page('state=attention'), page('undo=failed'), page('')]);
  return [...new Map(pages.flat().map((each) => [each.call, each])).values()];
}

function stateOf(each: AuditedCall) {
  const undone = each.undo === undefined ? '' : `, undoing ${each.undo.state}`;
  return `${each.state ?? 'session deleted'}${undone}`;
}

/** The latest calls of tools of all tenants, those first that somebody must look after. */
export function CallsPart() {
  const [shown, setShown] = useState<readonly AuditedCall[]>();
  useEffect(() => {
    let over = false;
    let timer: ReturnType<typeof setTimeout>;
    const load = async () => {
      try {
        const next = await calls();
        if (!over) {
          setShown(next);
        }
      } catch {
        // The page says what is wrong with the server; what was shown stays.
      }
      if (!over) {
        timer = setTimeout(() => void load(), EVERY_MILLIS);
      }
    };
    void load();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, []);
  if (shown === undefined) {
    return null;
  }
  return (
    <div className="part">
      <h2 id="calls">Calls of tools</h2>
      {shown.length === 0 ? (
        <p className="soft">No tool has been called yet.</p>
      ) : (
        <section className="scroll" tabIndex={0} aria-labelledby="calls">
          <table>
            <thead>
              <tr>
                <th scope="col">State</th>
                <th scope="col">Tool</th>
                <th scope="col">Effect</th>
                <th scope="col">Whose</th>
                <th scope="col">Since</th>
                <th scope="col" className="to-right">
                  Runs
                </th>
                <th scope="col">Call</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((each) => (
                <Row key={each.call} call={each} />
              ))}
            </tbody>
          </table>
        </section>
      )}
    </div>
  );
}

function Row({ call }: { call: AuditedCall }) {
  return (
    <tr>
      <td>
        {wantsSomebody(call) ? (
          <span className="circuit open">{stateOf(call)}</span>
        ) : (
          stateOf(call)
        )}
        {call.state === 'attention' && call.own === true && (
          <>
            {' '}
            <a href={chatPath(call.session)}>Decide</a>
          </>
        )}
      </td>
      <td>{call.tool}</td>
      <td>{call.effect ?? '–'}</td>
      <td>
        {call.tenant}/{call.owner}
      </td>
      <td>{fullTime(call.createdAt)}</td>
      <td className="to-right">{call.runs === undefined ? '–' : count(call.runs)}</td>
      <td className="mono">{call.call}</td>
    </tr>
  );
}
