import { useActivity, usePerdure, useSessions } from '@perdure/client/react';
import { useCallback, useEffect, useRef, useState } from 'react';
import { Banners } from '../app/Banners.tsx';
import { useNotifications } from '../app/notifications.ts';
import { chatPath, go } from '../app/router.ts';
import { Sidebar } from '../sessions/Sidebar.tsx';
import { Toasts } from '../sessions/Toasts.tsx';
import { Conversation } from './Conversation.tsx';
import { NewConversation } from './NewConversation.tsx';

/** Everything of one's own: the sessions, and the one that is open. */
export function ChatPage({ session }: { session: string | undefined }) {
  const [drawer, setDrawer] = useState(false);
  const client = usePerdure();
  const { markSeen, finishedUnseen } = useActivity();
  const { removing } = useSessions();
  useNotifications(session);

  // What is looked at has been seen.
  const unseenHere = finishedUnseen.some((item) => item.session === session);
  useEffect(() => {
    const look = () => {
      if (session !== undefined && unseenHere && document.visibilityState === 'visible') {
        markSeen(session);
      }
    };
    look();
    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, [session, unseenHere, markSeen]);

  // It is said where one is then, until another chat is opened.
  const [missed, setMissed] = useState(false);
  const miss = useCallback(() => setMissed(true), []);
  const opened = useRef(session);
  useEffect(() => {
    if (session !== undefined && opened.current !== session) {
      setMissed(false);
    }
    opened.current = session ?? opened.current;
  }, [session]);

  const gone = removing.some((each) => each.id === session);
  useEffect(() => {
    if (gone) {
      go(chatPath());
    }
  }, [gone]);

  useShortcuts(session);
  return (
    <div className="app">
      <a className="skip" href="#message">
        Skip to the message box
      </a>
      <Sidebar open={drawer} current={session} onClose={() => setDrawer(false)} />
      <main className="main">
        <Banners />
        {session === undefined || gone ? (
          <NewConversation onMenu={() => setDrawer(true)} missed={missed} />
        ) : (
          <Conversation
            key={session}
            session={session}
            onMenu={() => setDrawer(true)}
            client={client}
            onMissing={miss}
          />
        )}
      </main>
      <Toasts />
    </div>
  );
}

/** Keys that work everywhere. Those of the message box are said beside it. */
function useShortcuts(session: string | undefined) {
  const { sessions } = useSessions();
  const now = useRef({ session, sessions });
  now.current = { session, sessions };
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (!(event.metaKey || event.ctrlKey) || event.altKey) {
        return;
      }
      const ids = now.current.sessions.map((each) => each.id);
      const at = ids.indexOf(now.current.session ?? '');
      const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.shiftKey ? event.key : ''];
      if (event.key.toLowerCase() === 'o' && event.shiftKey) {
        event.preventDefault();
        go(chatPath());
      } else if (event.key.toLowerCase() === 'k') {
        event.preventDefault();
        document.getElementById('search')?.focus();
      } else if (to !== undefined && ids[to] !== undefined) {
        event.preventDefault();
        go(chatPath(ids[to]));
      }
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
}
