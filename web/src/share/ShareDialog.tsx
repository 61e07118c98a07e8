import { Check, Copy, Link2, Trash2 } from 'lucide-react';
import { useEffect, useState } from 'react';
import { request } from '../app/http.ts';
import { Dialog } from '../ui/Dialog.tsx';
import { fullTime } from '../ui/words.ts';

interface Share {
  readonly share: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

const DAY_SECONDS = 86_400;
const LIVES: readonly [string, number][] = [
  ['1 day', DAY_SECONDS],
  ['7 days', 7 * DAY_SECONDS],
  ['30 days', 30 * DAY_SECONDS],
  ['90 days', 90 * DAY_SECONDS],
];

/** Makes and takes back links by which others read the session. */
export default function ShareDialog({
  session,
  onClose,
}: {
  session: string;
  onClose: () => void;
}) {
  const path = `/v1/sessions/${session}/shares`;
  const [links, setLinks] = useState<readonly Share[]>([]);
  const [life, setLife] = useState(7 * DAY_SECONDS);
  const [made, setMade] = useState<{ share: string; url: string }>();
  const [copied, setCopied] = useState(false);
  const [problem, setProblem] = useState<string>();
  const failed = (error: Error) => setProblem(error.message);

  useEffect(() => {
    request('GET', path).then(
      (page) => setLinks((page as { items: Share[] }).items),
      (error: Error) => setProblem(error.message),
    );
  }, [path]);

  async function make() {
    setProblem(undefined);
    const link = (await request('POST', path, { expiresInSeconds: life })) as Share & {
      path: string;
    };
    setLinks((now) => [link, ...now]);
    setMade({ share: link.share, url: new URL(link.path, location.href).href });
    setCopied(false);
  }

  async function revoke(share: string) {
    await request('DELETE', `/v1/shares/${share}`);
    setLinks((now) => now.filter((each) => each.share !== share));
    setMade((now) => (now?.share === share ? undefined : now));
  }

  return (
    <Dialog title="Share a link to read" onClose={onClose}>
      <p className="soft">
        Whoever has the link reads this chat, with thoughts, tools and what comes later, live. They
        can change nothing.
      </p>
      <div className="row share-new">
        <label htmlFor="life" className="soft">
          Open for
        </label>
        <select
          id="life"
          className="field"
          value={life}
          onChange={(event) => setLife(Number(event.target.value))}
        >
          {LIVES.map(([label, seconds]) => (
            <option key={seconds} value={seconds}>
              {label}
            </option>
          ))}
        </select>
        <button type="button" className="button primary" onClick={() => void make().catch(failed)}>
          <Link2 size={16} aria-hidden="true" /> Make a link
        </button>
      </div>
      {made !== undefined && (
        <div className="row share-made">
          <input
            className="field grow"
            readOnly
            aria-label="The link"
            value={made.url}
            onFocus={(event) => event.target.select()}
          />
          <button
            type="button"
            className="button"
            onClick={() => {
              navigator.clipboard.writeText(made.url).then(
                () => setCopied(true),
                () =>
                  setProblem('The browser does not allow copying. Select the link and copy it.'),
              );
            }}
          >
            {copied ? (
              <Check size={16} aria-hidden="true" />
            ) : (
              <Copy size={16} aria-hidden="true" />
            )}
            {copied ? 'Copied' : 'Copy'}
          </button>
        </div>
      )}
      {links.length > 0 && (
        <ul className="share-list" aria-label="Links that are open">
          {links.map((each) => (
            <li key={each.share} className="row">
              <span className="soft grow">
                Made {fullTime(each.createdAt)}, open until {fullTime(each.expiresAt)}
              </span>
              <button
                type="button"
                className="button quiet small"
                onClick={() => void revoke(each.share).catch(failed)}
              >
                <Trash2 size={14} aria-hidden="true" /> Revoke
              </button>
            </li>
          ))}
        </ul>
      )}
      {problem !== undefined && (
        <p className="refusal" role="alert">
          {problem}
        </p>
      )}
      <div className="row dialog-end">
        <button type="button" className="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
