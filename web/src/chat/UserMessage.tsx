import type { UserEntry } from '@perdure/client';
import { Pencil, RotateCw, Undo2 } from 'lucide-react';
import { useState } from 'react';
import { MessageFiles } from '../files/MessageFiles.tsx';
import { fullTime } from '../ui/words.ts';
import { Branches } from './Branches.tsx';
import type { Actions } from './Thread.tsx';

const DELIVERY = {
  sending: 'Sending',
  unconfirmed: 'Not confirmed yet; it is sent again by itself',
  refused: '',
  stored: '',
};

export function UserMessage({
  entry,
  actions,
}: {
  entry: UserEntry;
  actions: Actions | undefined;
}) {
  const [draft, setDraft] = useState<string>();
  const { id, localId } = entry;
  if (draft !== undefined && id !== undefined) {
    return (
      <form
        className="edit"
        onSubmit={(event) => {
          event.preventDefault();
          setDraft(undefined);
          if (draft.trim() !== '' || entry.files.length > 0) {
            actions?.edit(id, draft);
          }
        }}
      >
        <textarea
          className="field"
          dir="auto"
          aria-label="Edit the message"
          rows={Math.min(12, draft.split('\n').length + 1)}
          value={draft}
          ref={(area) => area?.focus()}
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape') {
              setDraft(undefined);
            } else if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
              event.preventDefault();
              event.currentTarget.form?.requestSubmit();
            }
          }}
        />
        <div className="row">
          <span className="tiny grow">
            The earlier version stays, as another branch.
            {entry.files.length > 0 && ' The files go with both.'}
          </span>
          <button type="button" className="button small" onClick={() => setDraft(undefined)}>
            Cancel
          </button>
          <button
            type="submit"
            className="button small primary"
            disabled={draft.trim() === '' && entry.files.length === 0}
          >
            Send
          </button>
        </div>
      </form>
    );
  }
  return (
    <article className="user" aria-label="Your message">
      <h2 className="hidden-text">You said</h2>
      {entry.files.length > 0 && (
        <MessageFiles files={entry.files} readable={actions !== undefined} />
      )}
      {entry.text !== '' && (
        <div className={`bubble ${entry.delivery}`} dir="auto" title={fullTime(entry.createdAt)}>
          {entry.text}
        </div>
      )}
      {entry.delivery === 'refused' && localId !== undefined ? (
        <div className="refusal" role="alert">
          <p>{entry.error?.message ?? 'It was not accepted.'}</p>
          <div className="row">
            <button type="button" className="button small" onClick={() => actions?.resend(localId)}>
              <RotateCw size={14} aria-hidden="true" /> Send again
            </button>
            <button
              type="button"
              className="button small quiet"
              onClick={() => actions?.takeBack(localId, entry.files)}
            >
              <Undo2 size={14} aria-hidden="true" /> Take back
            </button>
          </div>
        </div>
      ) : (
        <div className="under">
          <span className="tiny">{DELIVERY[entry.delivery]}</span>
          <Branches
            siblings={entry.siblings}
            select={actions?.select}
            what="versions of this message"
          />
          {actions !== undefined && id !== undefined && (
            <button
              type="button"
              className="button quiet small icon on-hover"
              aria-label="Edit the message"
              title="Edit"
              onClick={() => setDraft(entry.text)}
            >
              <Pencil size={14} />
            </button>
          )}
        </div>
      )}
    </article>
  );
}
