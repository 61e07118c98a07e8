import type { SessionState, SessionView } from '@perdure/client';
import { useSessions } from '@perdure/client/react';
import { MoreHorizontal, Pencil, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { chatPath, go } from '../app/router.ts';
import { Item, Menu } from '../ui/Menu.tsx';
import { titleOf, when } from '../ui/words.ts';

const STATES: Record<SessionState, string> = {
  idle: '',
  running: 'A reply is being written',
  waiting: 'Waits for an answer of yours, or for a time',
  unseen: 'A reply is done',
  failed: 'A reply has failed',
};

const TITLE_CHARS = 200;

export function SessionRow(props: {
  session: SessionView;
  excerpt?: string;
  current: boolean;
  onPick: () => void;
}) {
  const { session, current } = props;
  const { rename, remove } = useSessions();
  const [draft, setDraft] = useState<string>();

  if (draft !== undefined) {
    const save = () => {
      setDraft(undefined);
      if (draft.trim() !== '' && draft !== session.title) {
        rename(session.id, draft.trim()).catch(() => undefined);
      }
    };
    return (
      <li className="session">
        <input
          className="field"
          aria-label="Name of the chat"
          maxLength={TITLE_CHARS}
          value={draft}
          ref={(input) => input?.focus()}
          onChange={(event) => setDraft(event.target.value)}
          onBlur={save}
          onKeyDown={(event) => {
            if (event.key === 'Enter') {
              save();
            } else if (event.key === 'Escape') {
              event.stopPropagation();
              setDraft(undefined);
            }
          }}
        />
      </li>
    );
  }
  return (
    <li className={`session${current ? ' current' : ''}`}>
      <a
        href={chatPath(session.id)}
        aria-current={current ? 'page' : undefined}
        onClick={(event) => {
          if (!event.metaKey && !event.ctrlKey && !event.shiftKey) {
            event.preventDefault();
            go(chatPath(session.id));
            props.onPick();
          }
        }}
      >
        <span className="grow">
          <span className="cut title">
            <bdi>{titleOf(session)}</bdi>
          </span>
          {props.excerpt !== undefined && <bdi className="cut tiny">{props.excerpt}</bdi>}
        </span>
        {session.state === 'idle' ? (
          <time className="tiny" dateTime={new Date(session.updatedAt).toISOString()}>
            {when(session.updatedAt)}
          </time>
        ) : (
          <span className={`state ${session.state}`} title={STATES[session.state]}>
            <span className="hidden-text">{STATES[session.state]}</span>
          </span>
        )}
      </a>
      <Menu
        label={`More for “${titleOf(session)}”`}
        face={<MoreHorizontal size={16} />}
        className="button quiet icon small more"
      >
        {(close) => (
          <>
            <Item
              onSelect={() => {
                close();
                setDraft(session.title ?? '');
              }}
            >
              <Pencil size={16} aria-hidden="true" /> Rename
            </Item>
            <Item
              bad
              onSelect={() => {
                close();
                remove(session.id);
              }}
            >
              <Trash2 size={16} aria-hidden="true" /> Delete
            </Item>
          </>
        )}
      </Menu>
    </li>
  );
}
