import type { PerdureClient } from '@perdure/client';
import { useActivity, useSessions, useTurns } from '@perdure/client/react';
import { Download, Menu as MenuIcon, MoreHorizontal, Share2 } from 'lucide-react';
import { useEffect, useState } from 'react';
import { go } from '../app/router.ts';
import { ShareDialog } from '../share/ShareDialog.tsx';
import { Item, Menu } from '../ui/Menu.tsx';
import { titleOf } from '../ui/words.ts';
import { Announcer } from './Announcer.tsx';
import { Composer } from './Composer.tsx';
import { Thread } from './Thread.tsx';
import { download } from './transcript.ts';

export function Conversation(props: {
  session: string;
  client: PerdureClient;
  onMenu: () => void;
}) {
  const { session, client } = props;
  const turns = useTurns(session);
  const { sessions } = useSessions();
  const { connection } = useActivity();
  const [sharing, setSharing] = useState(false);
  const [problem, setProblem] = useState<string>();
  const known = sessions.find((each) => each.id === session);
  const missing = turns.status === 'error' && turns.error?.code === 'not_found';

  useEffect(() => {
    if (missing) {
      go('/', true);
    }
  }, [missing]);

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
                  download(client, session, titleOf(known ?? {})).catch((error: Error) =>
                    setProblem(error.message),
                  );
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
      <Thread thread={turns} actions={turns} onError={setProblem} />
      <Announcer branch={turns.branch} />
      <Composer
        draft={turns.draft}
        setDraft={turns.setDraft}
        onSend={(input) => turns.send(input)}
        open={turns.open}
        onStop={(turn) =>
          void turns.cancel(turn).catch((error: Error) => setProblem(error.message))
        }
        offline={connection === 'offline'}
      />
      {sharing && <ShareDialog session={session} onClose={() => setSharing(false)} />}
    </>
  );
}
