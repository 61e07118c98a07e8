import { useSessions, useTurns } from '@perdure/client/react';
import { useState } from 'react';

function Conversation({ session }: { session: string }) {
  const { branch, open, send, cancel, draft, setDraft } = useTurns(session);
  const texts = branch.map((entry) =>
    entry.kind === 'user' ? entry.text : entry.lanes[0]?.parts.map((part) => part.text),
  );
  return (
    <form action={() => void (draft.trim() && send(draft))}>
      {branch.map(({ key }, index) => <p key={key}>{texts[index]}</p>)}
      <input value={draft} onChange={(event) => setDraft(event.target.value)} />
      <button type="submit">Send</button>
      {open && <button type="button" onClick={() => cancel(open)}>Stop</button>}
    </form>
  );
}

export function Chat() {
  const { sessions, create } = useSessions();
  const [chosen, choose] = useState<string>();
  return (
    <>
      <button type="button" onClick={async () => choose((await create()).id)}>New chat</button>
      {sessions.map((it) => <button key={it.id} type="button" onClick={() => choose(it.id)}>{it.title} {it.state}</button>)}
      {chosen && <Conversation key={chosen} session={chosen} />}
    </>
  );
}
