import { createClient, PerdureError } from '@perdure/client';
import { PerdureProvider } from '@perdure/client/react';
import { lazy, Suspense, useEffect, useMemo, useState } from 'react';
import { ChatPage } from '../chat/ChatPage.tsx';
import { unloaded } from '../ui/Unloaded.tsx';
import { usePlace } from './router.ts';
import { useSettings } from './settings.ts';

/** What few people look at. */
const SharedPage = lazy(() => import('../share/SharedPage.tsx').catch(unloaded));
const SignIn = lazy(() => import('./SignIn.tsx').catch(unloaded));
const OperatorPage = lazy(() => import('../operator/OperatorPage.tsx').catch(unloaded));

export function App() {
  const place = usePlace();
  if (place.page === 'shared') {
    return (
      <Suspense>
        <SharedPage />
      </Suspense>
    );
  }
  return (
    <Own
      operator={place.page === 'operator'}
      session={place.page === 'chat' ? place.session : undefined}
    />
  );
}

/** The pages of somebody who may use the server; whoever may not is asked for a key. */
function Own({ operator, session }: { operator: boolean; session: string | undefined }) {
  const { key } = useSettings();
  const [refused, setRefused] = useState<{ key: string | undefined }>();
  const client = useMemo(() => createClient(key === undefined ? {} : { token: key }), [key]);
  useEffect(() => () => client.close(), [client]);
  useEffect(() => {
    let over = false;
    client.models().catch((error: unknown) => {
      if (!over && error instanceof PerdureError && error.code === 'unauthenticated') {
        setRefused({ key });
      }
    });
    return () => {
      over = true;
    };
  }, [client, key]);
  if (refused !== undefined && refused.key === key) {
    return (
      <Suspense>
        <SignIn wrong={key !== undefined} />
      </Suspense>
    );
  }
  return (
    <PerdureProvider key={key ?? ''} client={client}>
      {operator ? (
        <Suspense>
          <OperatorPage />
        </Suspense>
      ) : (
        <ChatPage session={session} />
      )}
    </PerdureProvider>
  );
}
