import { createClient } from '@perdure/client';
import { PerdureProvider, useTurns } from '@perdure/client/react';
import { useEffect, useMemo, useState } from 'react';
import { Banners } from '../app/Banners.tsx';
import { Announcer } from '../chat/Announcer.tsx';
import { Thread } from '../chat/Thread.tsx';
import { Mark } from '../ui/Mark.tsx';
import { dayOf, fullTime } from '../ui/words.ts';
import { type Shared, sharedFetch } from './sharedFetch.ts';

/** A session as somebody sees it who has a link to it. */
export default function SharedPage() {
  const token = location.hash.slice(1);
  const [shared, setShared] = useState<Shared>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    const load = async () => {
      const response = await fetch('/v1/shared', { headers: { authorization: `Bearer ${token}` } });
      const body = (await response.json()) as Shared & { detail?: string };
      if (response.ok) {
        setShared(body);
        document.title = `${body.title ?? 'Shared chat'} · Perdure`;
      } else {
        setProblem(body.detail ?? 'This link opens nothing.');
      }
    };
    load().catch(() =>
      setProblem('The server could not be reached. Reload the page to try again.'),
    );
  }, [token]);

  if (shared === undefined) {
    return (
      <main className="alone" aria-busy={problem === undefined}>
        <Mark />
        <h1>{problem === undefined ? 'Opening the shared chat' : 'This link cannot be opened'}</h1>
        {problem !== undefined && <p className="soft">{problem}</p>}
      </main>
    );
  }
  return <Watch shared={shared} token={token} />;
}

function Watch({ shared, token }: { shared: Shared; token: string }) {
  const client = useMemo(
    () =>
      createClient({
        token,
        account: `shared:${shared.session}`,
        fetch: sharedFetch(shared),
        indexedDB: null,
        locks: null,
        channel: null,
      }),
    [shared, token],
  );
  useEffect(() => () => client.close(), [client]);
  return (
    <PerdureProvider client={client}>
      <main className="main">
        <Banners />
        <header className="bar">
          <Mark size={24} />
          <h1 className="cut grow">
            <bdi>{shared.title ?? 'Shared chat'}</bdi>
          </h1>
          <span className="tiny" title={fullTime(shared.expiresAt)}>
            Read only until {dayOf(shared.expiresAt)}
          </span>
        </header>
        <SharedThread session={shared.session} />
      </main>
    </PerdureProvider>
  );
}

function SharedThread({ session }: { session: string }) {
  const turns = useTurns(session);
  return (
    <>
      <Thread thread={turns} actions={undefined} onError={() => undefined} />
      <Announcer branch={turns.branch} />
    </>
  );
}
