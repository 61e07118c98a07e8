import { useActivity, useDraft, usePerdure, useSessions } from '@perdure/client/react';
import { Menu as MenuIcon } from 'lucide-react';
import { useState } from 'react';
import { chatPath, go } from '../app/router.ts';
import { useAttachedFiles } from '../files/attached.ts';
import { Mark } from '../ui/Mark.tsx';
import { Composer } from './Composer.tsx';
import { useChosenModels, useKnownModels } from './ModelPicker.tsx';

type Try = readonly [label: string, text: string];

const TRIES: readonly Try[] = [
  ['Explain something', 'How does a write-ahead log survive a crash? Explain it step by step.'],
  [
    'Plan a weekend',
    'Plan a weekend in the mountains for two, by train, with bad weather on Sunday.',
  ],
  ['Write a letter', 'Write a short letter to my landlord about a window that does not close.'],
  ['Review some code', 'Review this code, and say what you would change first:\n\n'],
];

/** The demo model does what these say, so that one can see what becomes of it. */
const DEMO_TRIES: readonly Try[] = [
  ['Ask anything', 'What can you do?'],
  ['A long reply', '/long 400'],
  ['One that thinks first', '/think\n/long 80'],
  ['A provider that fails', '/error 529 at 12\n/long 60'],
];

/** Of the draft. */
const NAME = 'new';

/** Before the first message: the session is made when it is sent. */
export function NewConversation(props: { onMenu: () => void; missed: boolean }) {
  const { onMenu, missed } = props;
  const client = usePerdure();
  const { create } = useSessions();
  const { connection } = useActivity();
  const [draft, setDraft] = useDraft(NAME);
  const [, files] = useAttachedFiles(NAME);
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const known = useKnownModels();
  const chosen = useChosenModels()[0] ?? known?.byDefault;
  const tries = chosen?.startsWith('demo/') ? DEMO_TRIES : TRIES;
  return (
    <>
      <header className="bar">
        <button
          type="button"
          className="button quiet icon only-narrow"
          aria-label="Chats"
          onClick={onMenu}
        >
          <MenuIcon size={18} />
        </button>
        <h1 className="grow">New chat</h1>
      </header>
      <div className="welcome">
        {missed && (
          <p className="note" role="alert">
            The chat that you opened is not there. It was deleted, or is somebody else's.
          </p>
        )}
        <Mark size={44} />
        <h2>What would you like to talk about?</h2>
        <p className="soft">
          Replies are written at the server. Close the tab, lose the network, come back on another
          device: they go on, and are there whole.
        </p>
        <div className={chosen === undefined ? 'tries unknown' : 'tries'}>
          {tries.map(([label, text]) => (
            <button
              key={label}
              type="button"
              className="button"
              onClick={() => {
                setDraft(text);
                document.getElementById('message')?.focus();
              }}
            >
              {label}
            </button>
          ))}
        </div>
        {known?.offered.every((model) => model.startsWith('demo/')) === true && (
          <p className="tiny demo">
            The demo model answers, as the server has no key of a provider. Started with{' '}
            <code>OPENAI_API_KEY</code> or another one, it talks to real models.
          </p>
        )}
        {problem !== undefined && (
          <p className="refusal" role="alert">
            {problem}
          </p>
        )}
      </div>
      <Composer
        name={NAME}
        draft={draft}
        setDraft={setDraft}
        offline={connection === 'offline'}
        busy={busy}
        onSend={(input) => {
          setBusy(true);
          setProblem(undefined);
          create()
            .then((session) => {
              client.send(session.id, input);
              setDraft('');
              files.set(NAME, []);
              go(chatPath(session.id));
            })
            .catch((error: Error) => setProblem(`${error.message} What you wrote is still here.`))
            .finally(() => setBusy(false));
        }}
      />
    </>
  );
}
