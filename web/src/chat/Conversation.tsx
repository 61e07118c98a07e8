import type { PerdureClient, StoredFile } from '@perdure/client';
import { type Turns, useActivity, useSessions, useTurns } from '@perdure/client/react';
import { Download, Menu as MenuIcon, MoreHorizontal, Share2 } from 'lucide-react';
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { go } from '../app/router.ts';
import { settings } from '../app/settings.ts';
import { type AttachedFiles, useAttachedFiles } from '../files/attached.ts';
import { Item, Menu } from '../ui/Menu.tsx';
import { unloaded } from '../ui/Unloaded.tsx';
import { titleOf } from '../ui/words.ts';
import { Announcer } from './Announcer.tsx';
import { Composer } from './Composer.tsx';
import { type Actions, Thread } from './Thread.tsx';

/** Seldom asked for. */
const ShareDialog = lazy(() => import('../share/ShareDialog.tsx').catch(unloaded));

export function Conversation(props: {
  session: string;
  client: PerdureClient;
  onMenu: () => void;
  onMissing: () => void;
}) {
  const { session, client } = props;
  const turns = useTurns(session);
  const [, files] = useAttachedFiles(session);
  const actions = useActions(turns, files);
  const { sessions } = useSessions();
  const { connection } = useActivity();
  const [sharing, setSharing] = useState(false);
  const [problem, setProblem] = useState<string>();
  const known = sessions.find((each) => each.id === session);
  const missing = turns.status === 'error' && turns.error?.code === 'not_found';

  useEffect(() => {
    if (missing) {
      props.onMissing();
      go('/', true);
    }
  }, [missing, props.onMissing]);

  return (
    <>
      <header className="bar">
        <button
          type="button"
          className="button quiet icon only-narrow"
          aria-label="Chats"
          onClick={props.onMenu}
        >
          <MenuIcon size={18} />
        </button>
        <h1 className="cut grow">
          <bdi>{known === undefined ? 'Chat' : titleOf(known)}</bdi>
        </h1>
        <Menu label="More" face={<MoreHorizontal size={18} />}>
          {(close) => (
            <>
              <Item
                onSelect={() => {
                  close();
                  setSharing(true);
                }}
              >
                <Share2 size={16} aria-hidden="true" /> Share a link to read
              </Item>
              <Item
                onSelect={() => {
                  close();
                  import('./transcript.ts')
                    .then(({ download }) => download(client, session, titleOf(known ?? {})))
                    .catch((error: Error) => setProblem(error.message));
                }}
              >
                <Download size={16} aria-hidden="true" /> Download as Markdown
              </Item>
            </>
          )}
        </Menu>
      </header>
      {problem !== undefined && (
        <div className="banner bad" role="alert">
          <span className="grow">{problem}</span>
          <button
            type="button"
            className="button small quiet"
            onClick={() => setProblem(undefined)}
          >
            Close
          </button>
        </div>
      )}
      <Thread thread={turns} actions={actions} onError={setProblem} />
      <Announcer branch={turns.branch} />
      <Composer
        name={session}
        draft={turns.draft}
        setDraft={turns.setDraft}
        onSend={(input) => {
          turns.send(input);
          files.set(session, []);
        }}
        open={turns.open}
        onStop={(turn) =>
          void turns.cancel(turn).catch((error: Error) => setProblem(error.message))
        }
        offline={connection === 'offline'}
      />
      {sharing && (
        <Suspense>
          <ShareDialog session={session} onClose={() => setSharing(false)} />
        </Suspense>
      )}
    </>
  );
}

/** The same object as long as the session is the same, so that only what changes is drawn again. */
function useActions(turns: Turns, files: AttachedFiles): Actions {
  const { session, draft, setDraft, resend, discard, edit, regenerate, select } = turns;
  const { cancel, cancelLane, retryLane, answer } = turns;
  const typed = useRef(draft);
  typed.current = draft;
  return useMemo(
    () => ({
      resend,
      edit: (message: string, text: string) => {
        const { models } = settings();
        edit(message, text, models.length > 0 ? { models } : {});
      },
      regenerate,
      select,
      cancel,
      cancelLane,
      retryLane,
      answer,
      takeBack: (localId: string, stored: readonly StoredFile[]) => {
        const words = [discard(localId), typed.current].filter((text) => text.trim() !== '');
        setDraft(words.join('\n\n'));
        files.giveBack(session, stored);
      },
    }),
    [
      session,
      files,
      setDraft,
      resend,
      discard,
      edit,
      regenerate,
      select,
      cancel,
      cancelLane,
      retryLane,
      answer,
    ],
  );
}
